"""What a supervised process is, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True)
class ProcessSpec:
    """What to run and how. ``env`` is the whole environment; it never touches the disk.

    ``unprivileged`` matters for root only: the process then runs in a user namespace
    as a plain user, or as ``nobody`` where that is not permitted; ``owned_paths`` are
    given to ``nobody`` in the second case.
    """

    name: str
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = "TERM"
    grace_s: float = 30.0
    restart: bool = True
    backoff_min_s: float = 1.0
    backoff_max_s: float = 30.0
    give_up_after: int | None = None
    memory_bytes: int | None = None
    open_files: int | None = None
    log_max_bytes: int = 10 * 2**20
    log_keep: int = 5
    unprivileged: bool = False
    owned_paths: tuple[Path, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ProcessExit:
    """How the process ended once."""

    at: datetime
    code: int | None
    signal: int | None
    reason: str = ""

    def describe(self) -> str:
        """In words, for people."""
        if self.reason:
            return self.reason
        return f"signal {self.signal}" if self.signal is not None else f"exit code {self.code}"


@dataclass(frozen=True)
class ProcessState:
    """What the shim says, checked against the process table.

    ``status``: starting, running, backoff, stopping, exited or lost (the shim died).
    """

    name: str
    status: str
    pid: int | None = None
    shim_pid: int | None = None
    started_at: datetime | None = None
    crashes: int = 0
    exits: tuple[ProcessExit, ...] = ()
    overran: bool = False
    dropped_lines: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""

    @property
    def alive(self) -> bool:
        """Whether the shim looks after it: it runs, or will run again."""
        return self.status in ("starting", "running", "backoff", "stopping")


@dataclass(frozen=True)
class StopReport:
    """What became of one process that was told to stop."""

    name: str
    took_s: float
    overran: bool
    last_exit: ProcessExit | None = None
