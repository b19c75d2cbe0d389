"""What every platform can do, in values that outlive the process that made them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol


class InstanceStatus(StrEnum):
    """What one running copy is doing, as the platform sees it."""

    STARTING = "starting"
    RUNNING = "running"
    BACKOFF = "backoff"
    STOPPING = "stopping"
    EXITED = "exited"
    LOST = "lost"


@dataclass(frozen=True)
class Limits:
    """What an instance may use at most; None means no limit."""

    memory_bytes: int | None = None
    cpu: float | None = None
    open_files: int | None = None


@dataclass(frozen=True)
class RestartPolicy:
    """How a crashed instance comes back: exponential back-off between two bounds."""

    backoff_min_s: float = 1.0
    backoff_max_s: float = 30.0
    give_up_after: int | None = None
    enabled: bool = True


@dataclass(frozen=True)
class FleetSpec:
    """All instances of one release of one service, as they should be.

    ``argv`` is what a process platform runs, ``image`` what a container platform
    runs. ``secret_env`` reaches the child's environment only: it is never written
    to disk, shown or logged. ``listens`` says that each instance gets ``$PORT``.
    """

    service: str
    release: str
    size: int
    argv: tuple[str, ...] = ()
    image: str = ""
    cwd: Path = Path()
    env: Mapping[str, str] = field(default_factory=dict)
    secret_env: Mapping[str, str] = field(default_factory=dict)
    listens: bool = True
    limits: Limits = Limits()
    restart: RestartPolicy = RestartPolicy()
    stop_signal: str = "TERM"
    grace_s: float = 30.0


@dataclass(frozen=True)
class Exit:
    """How a copy ended: exit code, or the signal that ended it."""

    at: datetime
    code: int | None
    signal: int | None
    reason: str = ""


@dataclass(frozen=True)
class Instance:
    """One running (or ended) copy. ``name`` is unique in the project."""

    name: str
    service: str
    release: str
    status: InstanceStatus
    host: str = "127.0.0.1"
    port: int | None = None
    pid: int | None = None
    started_at: datetime | None = None
    crashes: int = 0
    last_exit: Exit | None = None


@dataclass(frozen=True)
class Usage:
    """What one instance uses now, everything it started included."""

    memory_bytes: int
    cpu_seconds: float
    open_files: int


@dataclass(frozen=True)
class StopReport:
    """What became of one instance that was told to stop.

    ``overran`` is true when it had to be killed after its grace time.
    """

    name: str
    took_s: float
    overran: bool
    exit: Exit | None = None


@dataclass(frozen=True)
class LogLine:
    """One line of output, with the time it was written."""

    at: datetime
    service: str
    instance: str
    stream: str
    text: str


@dataclass(frozen=True)
class LogQuery:
    """Which lines: of which services or instances, since when, matching what."""

    services: tuple[str, ...] = ()
    instances: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    grep: str = ""
    tail: int | None = None


@dataclass(frozen=True)
class CommandResult:
    """What a one-off command did; output is text, already decoded."""

    code: int
    output: str
    took_s: float
    timed_out: bool = False


class Platform(Protocol):
    """Runs fleets. Every method is idempotent; all of them are safe to repeat after a crash.

    Raises ConflictError when a port is taken, FailedError when a command is not
    found or cannot be started, NotFoundError for an unknown instance.
    """

    name: str

    def ensure(self, fleet: FleetSpec) -> tuple[Instance, ...]:
        """Start what is missing until ``fleet.size`` copies exist; never stop any.

        Returns the instances of that fleet, ended ones included.
        """
        ...

    def instances(
        self, *, service: str | None = None, release: str | None = None
    ) -> tuple[Instance, ...]:
        """What exists now, adopted ones included."""
        ...

    def usage(self, names: Sequence[str]) -> Mapping[str, Usage]:
        """Resources by instance; ended ones are left out."""
        ...

    def stop(self, names: Sequence[str], *, grace_s: float | None = None) -> tuple[StopReport, ...]:
        """Tell the named instances to stop, all at once; wait, then kill what overran.

        Unknown names are skipped: they are already gone.
        """
        ...

    def remove(self, names: Sequence[str]) -> None:
        """Forget ended instances; their log files stay."""
        ...

    def logs(self, query: LogQuery) -> Iterator[LogLine]:
        """Lines of all matching instances merged in time order."""
        ...

    def follow(self, query: LogQuery, *, poll_s: float = 0.25) -> Iterator[LogLine | None]:
        """As ``logs``, then on and on; yields None when nothing came for ``poll_s``."""
        ...

    def execute(
        self, fleet: FleetSpec, argv: Sequence[str], *, timeout_s: float | None = None
    ) -> CommandResult:
        """Run one command in the fleet's code and environment, on its own."""
        ...
