"""What a rule looks at, and what it says."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from opsbook.config.model.project import Config
from opsbook.config.problems import Steps, nearest


@dataclass(frozen=True)
class Broken:
    """A broken rule: the path in the file, what is wrong, what to do."""

    steps: Steps
    message: str
    hint: str = ""
    severity: Literal["error", "warning"] = "error"


@dataclass(frozen=True)
class Scene:
    """The file as rules see it.

    ``config`` holds what is valid; ``written`` everything that is written, so that a name
    whose entry has a mistake is still known; ``source`` the same before variables were
    replaced; ``unresolved`` the places whose variables are not set.
    """

    config: Config
    written: Mapping[str, Any]
    unresolved: frozenset[Steps]
    source: Mapping[str, Any]

    def names(self, section: str) -> frozenset[str]:
        """The names written in a section."""
        entries = self.written.get(section)
        return frozenset(entries) if isinstance(entries, dict) else frozenset()

    def rotas(self) -> frozenset[str]:
        """The names of all rotas."""
        on_call = self.written.get("on_call")
        rota = on_call.get("rota") if isinstance(on_call, dict) else None
        return frozenset(rota) if isinstance(rota, dict) else frozenset()

    def raw(self, *steps: str | int) -> Any:
        """What is written there, variables not replaced; None when nothing is."""
        value: Any = self.source
        for step in steps:
            if isinstance(value, dict) and isinstance(step, str):
                value = value.get(step)
            elif isinstance(value, tuple) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                return None
        return value


Rule = Callable[[Scene], Iterator[Broken]]


def unknown(
    steps: Steps, given: Iterable[str], known: Iterable[str], kind: str
) -> Iterator[Broken]:
    """A finding for each name that is not known; ``steps`` is the list or the single name."""
    words = frozenset(known)
    for name in given:
        if name not in words:
            hint = nearest(name, words) or "declare it first"
            yield Broken(steps, f"there is no {kind} {name}", hint)


def exactly_one(steps: Steps, entry: Any, keys: tuple[str, ...]) -> Iterator[Broken]:
    """A finding unless exactly one of ``keys`` is set on ``entry``."""
    fields = {key: f"{key}_" if hasattr(entry, f"{key}_") else key for key in keys}
    given = [key for key in keys if getattr(entry, fields[key]) not in (None, "")]
    choices = ", ".join(keys[:-1]) + f" or {keys[-1]}"
    if not given:
        yield Broken(steps, f"needs {choices}", f"add {keys[0]}: …")
    elif len(given) > 1:
        yield Broken(steps, f"has {' and '.join(given)}", f"keep one of {', '.join(given)}")
