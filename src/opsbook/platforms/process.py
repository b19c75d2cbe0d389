"""Instances as plain processes on this machine, each below a shim that outlives the daemon."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil

from opsbook.clock import Clock
from opsbook.platforms.base import (
    CommandResult,
    Exit,
    FleetSpec,
    Instance,
    InstanceStatus,
    LogLine,
    LogQuery,
    StopReport,
    Usage,
)
from opsbook.platforms.log_files import Follower, LogFile, read
from opsbook.platforms.ports import PortRange
from opsbook.shell import run
from opsbook.supervision import ProcessExit, ProcessSpec, ProcessState, Supervisor

_KIND = "instance"
_LIVING = ("starting", "running", "backoff")


class ProcessPlatform:
    """Fleets of supervised processes. Safe to make again: everything is read from disk."""

    name = "process"

    def __init__(self, supervisor: Supervisor, ports: PortRange, clock: Clock) -> None:
        self._supervisor = supervisor
        self._ports = ports
        self._clock = clock

    def ensure(self, fleet: FleetSpec) -> tuple[Instance, ...]:
        states = self._states(fleet.service, fleet.release)
        living = [state for state in states if state.status in _LIVING]
        number = max((int(state.labels["number"]) for state in states), default=0)
        for _ in range(fleet.size - len(living)):
            number += 1
            self._start(fleet, number)
        return self.instances(service=fleet.service, release=fleet.release)

    def instances(
        self, *, service: str | None = None, release: str | None = None
    ) -> tuple[Instance, ...]:
        return tuple(_instance(state) for state in self._states(service, release))

    def usage(self, names: Sequence[str]) -> Mapping[str, Usage]:
        found: dict[str, Usage] = {}
        for instance in self.instances():
            if instance.name in names and instance.pid is not None:
                used = _family_usage(instance.pid)
                if used is not None:
                    found[instance.name] = used
        return found

    def stop(self, names: Sequence[str], *, grace_s: float | None = None) -> tuple[StopReport, ...]:
        reports = self._supervisor.stop(names, grace_s=grace_s)
        return tuple(StopReport(r.name, r.took_s, r.overran, _exit(r.last_exit)) for r in reports)

    def remove(self, names: Sequence[str]) -> None:
        for name in names:
            self._supervisor.remove(name)

    def logs(self, query: LogQuery) -> Iterator[LogLine]:
        return read(self._log_files(query), query)

    def follow(self, query: LogQuery, *, poll_s: float = 0.25) -> Iterator[LogLine | None]:
        follower = Follower(query)
        files = self._log_files(query)
        follower.skip_to_end(files)
        yield from read(files, query)
        while True:
            lines = follower.poll(self._log_files(query))
            yield from lines
            if not lines:
                yield None
                self._clock.sleep(poll_s)

    def execute(
        self, fleet: FleetSpec, argv: Sequence[str], *, timeout_s: float | None = None
    ) -> CommandResult:
        env = {**base_environment(), **fleet.env, **fleet.secret_env}
        result = run(argv, cwd=fleet.cwd, env=env, timeout_s=timeout_s, merge=True)
        return CommandResult(result.code, result.out, result.took_s, result.timed_out)

    def _start(self, fleet: FleetSpec, number: int) -> None:
        name = f"{fleet.service}-{fleet.release}-{number}"
        labels = {
            "kind": _KIND,
            "service": fleet.service,
            "release": fleet.release,
            "number": str(number),
        }
        env = {
            **base_environment(),
            **fleet.env,
            **fleet.secret_env,
            "OPSBOOK_INSTANCE": name,
            "OPSBOOK_SERVICE": fleet.service,
        }
        if fleet.listens:
            port = self._ports.free(self._taken(), start=number * 37 + hash_of(fleet.release))
            labels["port"] = env["PORT"] = str(port)
        self._supervisor.start(
            ProcessSpec(
                name=name,
                argv=fleet.argv,
                cwd=fleet.cwd,
                env=env,
                stop_signal=fleet.stop_signal,
                grace_s=fleet.grace_s,
                restart=fleet.restart.enabled,
                backoff_min_s=fleet.restart.backoff_min_s,
                backoff_max_s=fleet.restart.backoff_max_s,
                give_up_after=fleet.restart.give_up_after,
                memory_bytes=fleet.limits.memory_bytes,
                open_files=fleet.limits.open_files,
                labels=labels,
            )
        )

    def _states(self, service: str | None, release: str | None) -> list[ProcessState]:
        return [
            state
            for state in self._supervisor.states()
            if state.labels.get("kind") == _KIND
            and service in (None, state.labels["service"])
            and release in (None, state.labels["release"])
        ]

    def _taken(self) -> list[int]:
        return [int(s.labels["port"]) for s in self._states(None, None) if "port" in s.labels]

    def _log_files(self, query: LogQuery) -> list[LogFile]:
        root = self._supervisor.directory
        if not root.is_dir():
            return []
        known = {state.name: state.labels for state in self._supervisor.states()}
        files = []
        for folder in sorted(root.iterdir()):
            labels = known.get(folder.name, {})
            service = labels.get("service") or folder.name.split("-", 1)[0]
            if query.services and service not in query.services:
                continue
            if query.instances and folder.name not in query.instances:
                continue
            files.append(LogFile(folder / "log", service, folder.name))
        return files


def base_environment() -> dict[str, str]:
    """What every process gets: little, and nothing of the daemon's own variables."""
    here = str(Path(sys.executable).parent)
    path = os.environ.get("PATH", os.defpath)
    kept = {k: v for k, v in os.environ.items() if k in ("HOME", "LANG", "TMPDIR", "TZ", "USER")}
    return {"LANG": "C.UTF-8", **kept, "PATH": f"{here}{os.pathsep}{path}"}


def hash_of(text: str) -> int:
    """A small stable number, to spread ports."""
    return sum(ord(sign) * (place + 1) for place, sign in enumerate(text))


def _family_usage(pid: int) -> Usage | None:
    try:
        top = psutil.Process(pid)
        family = [top, *top.children(recursive=True)]
        times = [process.cpu_times() for process in family]
        return Usage(
            memory_bytes=sum(process.memory_info().rss for process in family),
            cpu_seconds=sum(t.user + t.system for t in times),
            open_files=sum(process.num_fds() for process in family),
        )
    except psutil.Error:
        return None


def _instance(state: ProcessState) -> Instance:
    port = state.labels.get("port")
    return Instance(
        name=state.name,
        service=state.labels["service"],
        release=state.labels["release"],
        status=InstanceStatus(state.status),
        port=int(port) if port else None,
        pid=state.pid,
        started_at=state.started_at,
        crashes=state.crashes,
        last_exit=_exit(state.exits[-1]) if state.exits else None,
    )


def _exit(ended: ProcessExit | None) -> Exit | None:
    return None if ended is None else Exit(ended.at, ended.code, ended.signal, ended.reason)
