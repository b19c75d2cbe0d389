"""Rules over the whole file."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from opsbook.config.model.project import Config
from opsbook.config.problems import Steps


@dataclass(frozen=True)
class Broken:
    """A broken rule: the path in the file, what is wrong, what to do."""

    steps: Steps
    message: str
    hint: str = ""
    severity: Literal["error", "warning"] = "error"


@dataclass(frozen=True)
class Scene:
    """What rules look at.

    ``config`` holds what is valid; ``written`` everything that is written, so that a name
    whose entry has a mistake is still known; ``unresolved`` the places whose variables are
    not set.
    """

    config: Config
    written: Mapping[str, Any]
    unresolved: frozenset[Steps]

    def names(self, section: str) -> frozenset[str]:
        """The names written in a section."""
        entries = self.written.get(section)
        return frozenset(entries) if isinstance(entries, dict) else frozenset()


Rule = Callable[[Scene], Iterator[Broken]]


def broken_rules(scene: Scene) -> Iterator[Broken]:
    """Every rule the file breaks."""
    return iter(())
