"""The composition root: from the ops file to a running set of adapters."""

import logging
import os

from opsbook.clock import SystemClock
from opsbook.config import Config
from opsbook.config.model.dependency import Postgres, Redis
from opsbook.datastores.base import EmbeddedServer
from opsbook.datastores.embedded_postgres import EmbeddedPostgres
from opsbook.datastores.embedded_valkey import EmbeddedValkey
from opsbook.deploys import live
from opsbook.deploys import workflows as deploy_workflows
from opsbook.deploys.records import Deployments
from opsbook.durable import DurableEngine, Heartbeat, Observer
from opsbook.errors import OpsbookError, UsageError
from opsbook.paths import Paths
from opsbook.platforms.ports import PortRange
from opsbook.platforms.process import ProcessPlatform
from opsbook.runtime import Runtime
from opsbook.signals.requests import RequestWindows
from opsbook.state.database import Database
from opsbook.state.events import Ledger
from opsbook.state.locks import Locks
from opsbook.supervision import Supervisor
from opsbook.traffic.haproxy import HaproxyRouter
from opsbook.traffic.request_log import RequestLog

log = logging.getLogger("opsbook.app")
_BEAT_S = 5.0


def build(config: Config, paths: Paths, *, observer: Observer | None = None) -> Runtime:
    """Wire everything for one environment; starts nothing.

    Raises UsageError for a platform that is not there yet, FailedError for a damaged
    state file.
    """
    if config.platform != "process":
        raise UsageError(
            f"platform {config.platform} is not built yet", hint="use `platform: process`"
        )
    clock = SystemClock()
    database = Database.at(paths.database)
    supervisor = Supervisor(paths.processes)
    first, _, last = config.traffic.ports.partition("-")
    return Runtime(
        config=config,
        paths=paths,
        clock=clock,
        database=database,
        ledger=Ledger(database),
        locks=Locks(database),
        platform=ProcessPlatform(supervisor, PortRange(int(first), int(last or first)), clock),
        router=HaproxyRouter(paths.traffic, supervisor),
        requests=RequestWindows(clock),
        engine=DurableEngine(f"sqlite:///{paths.workflows}", observer=observer),
        embedded=_embedded(config, paths, supervisor),
        environ=dict(os.environ),
    )


def _embedded(config: Config, paths: Paths, supervisor: Supervisor) -> dict[str, EmbeddedServer]:
    servers: dict[str, EmbeddedServer] = {}
    for name, declared in config.dependencies.items():
        if not declared.embeds:
            continue
        folder = paths.data / name
        if isinstance(declared, Postgres):
            servers[name] = EmbeddedPostgres(
                name,
                folder,
                supervisor,
                database=declared.database or config.project.replace("-", "_"),
                port=declared.port,
            )
        elif isinstance(declared, Redis):
            servers[name] = EmbeddedValkey(name, folder, supervisor, port=declared.port)
    return servers


class Background:
    """What the daemon does beside answering: read the proxy's log, renew the lock."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._log = RequestLog(runtime.paths.traffic / "requests.sock", runtime.requests.add)
        self._log.start()
        self._beat = Heartbeat(self._renew, every_s=_BEAT_S)

    def _renew(self) -> None:
        runtime = self._runtime
        active = Deployments(runtime.database).active()
        lock = runtime.locks.get(deploy_workflows.LOCK)
        if active is None or lock is None or lock.holder != active.id:
            return
        try:
            runtime.locks.renew(lock, now=runtime.clock.now())
        except OpsbookError as problem:
            log.warning("%s", problem)

    def close(self) -> None:
        """Stop both."""
        self._beat.close()
        self._log.stop()


def adopt(runtime: Runtime) -> None:
    """Take up what runs: the proxy's shape is made equal to what is live, nothing is started."""
    if not runtime.router.running():
        return
    active = Deployments(runtime.database).active()
    shown = live.live_release(runtime)
    releases = [shown] if shown is not None else []
    if active is not None and active.release and active.release != (shown.id if shown else ""):
        releases.append(live.load_release(runtime, active.release))
    runtime.router.start(live.topology(runtime.config, *releases))
