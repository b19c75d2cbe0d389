"""This process's configuration, memory, clock and adapters; read by workflows and surfaces.

Workflows carry ids only and find everything else here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from opsbook.clock import Clock
from opsbook.config import Config, load
from opsbook.datastores.base import EmbeddedServer
from opsbook.durable import Engine
from opsbook.errors import OpsbookError
from opsbook.paths import Paths
from opsbook.platforms.base import Platform
from opsbook.signals.requests import RequestWindows
from opsbook.state.database import Database
from opsbook.state.events import Ledger
from opsbook.state.locks import Locks
from opsbook.traffic.base import Router


@dataclass
class Runtime:
    """Everything one daemon works with."""

    config: Config
    paths: Paths
    clock: Clock
    database: Database
    ledger: Ledger
    locks: Locks
    platform: Platform
    router: Router
    requests: RequestWindows
    engine: Engine
    embedded: dict[str, EmbeddedServer]
    environ: Mapping[str, str] = field(default_factory=dict)
    """Variables of whoever asked last: secret references are resolved from it, in memory."""

    def refresh(self, environ: Mapping[str, str]) -> None:
        """Read the ops file again, with the caller's variables. Raises ConfigProblems."""
        if environ:
            self.environ = environ
        self.config = load(
            self.config.path, environment=self.config.environment, environ=self.environ or None
        )

    def record(self, kind: str, *, subject: str = "", actor: str = "", **data: object) -> int:
        """Write one event to the ledger, now."""
        return self.ledger.append(
            kind, at=self.clock.now(), subject=subject, actor=actor, data=data
        )


_current: Runtime | None = None


def use(runtime: Runtime | None) -> None:
    """Make this the process's runtime; None forgets it."""
    global _current
    _current = runtime


def current() -> Runtime:
    """The process's runtime. Raises OpsbookError where none was set: a defect."""
    if _current is None:
        raise OpsbookError("no runtime: workflows run in the daemon only")
    return _current
