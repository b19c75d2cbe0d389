"""What is wrong with an ops file: where, what, and what to do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from opsbook.errors import ConfigError

Steps = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    ``path`` is the file, ``line`` counts from 1 (0 when there is no line), ``where`` is the
    place inside the file, such as ``services.api.strategy`` or ``smoke[0].path``.
    """

    path: Path
    line: int
    where: str
    message: str
    hint: str = ""
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        place = f"{self.path.name}:{self.line}" if self.line else self.path.name
        where = f" {self.where}" if self.where else ""
        hint = f" ({self.hint})" if self.hint else ""
        warning = "warning: " if self.severity == "warning" else ""
        return f"{place}{where}: {warning}{self.message}{hint}"

    def as_dict(self) -> dict[str, Any]:
        """The object of ``check --json``."""
        return {
            "severity": self.severity,
            "path": str(self.path),
            "line": self.line,
            "where": self.where,
            "message": self.message,
            "hint": self.hint,
        }


class ConfigProblems(ConfigError):  # noqa: N818 - it holds many
    """The ops file has problems; ``problems`` holds all of them."""

    def __init__(self, problems: Iterable[Problem], *, hint: str = "", subject: str = "") -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        count = len(self.problems)
        title = "one problem" if count == 1 else f"{count} problems"
        lines = "".join(f"\n  {problem}" for problem in self.problems)
        file = self.problems[0].path.name if self.problems else "the ops file"
        super().__init__(f"{file} has {title}:{lines}", hint=hint, subject=subject)

    def as_dict(self) -> dict[str, Any]:
        """As every error, with ``problems`` besides."""
        problems = [problem.as_dict() for problem in self.problems]
        return {**super().as_dict(), "problems": problems}

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_problems, (self.problems, self.hint, self.subject)


def _rebuild_problems(problems: tuple[Problem, ...], hint: str, subject: str) -> ConfigProblems:
    return ConfigProblems(problems, hint=hint, subject=subject)


def dotted(steps: Steps) -> str:
    """``("smoke", 0, "path")`` as ``smoke[0].path``."""
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint that names the known word nearest to ``name``, or lists the known ones."""
    words = sorted({str(word) for word in known})
    folded = {word.lower().replace("-", "_"): word for word in words}
    close = get_close_matches(name.lower().replace("-", "_"), list(folded), n=1, cutoff=0.6)
    if close:
        return f"did you mean {folded[close[0]]}?"
    if not words:
        return ""
    return "known: " + ", ".join(words[:12]) + (", …" if len(words) > 12 else "")


def in_order(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """Each problem once, in the order of the files' lines, errors of a line first."""
    unique = dict.fromkeys(problems)
    files = list(dict.fromkeys(problem.path for problem in unique))
    return tuple(sorted(unique, key=lambda p: (files.index(p.path), p.line, p.severity, p.where)))
