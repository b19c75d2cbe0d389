"""One YAML file as plain values that remember their file and line.

Accepts the plain part of YAML 1.2: maps, lists, text, numbers, true/false, null, anchors
and merges within bounds. Everything else is a problem with a line.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opsbook.config.problems import Problem, Steps, dotted

MAX_BYTES = 1_000_000
MAX_VALUES = 50_000
MAX_DEPTH = 60


@dataclass(frozen=True)
class Place:
    """Where something is written: file, line (from 1) and the path inside that file."""

    path: Path
    line: int
    written: Steps


@dataclass
class Document:
    """``values`` are plain maps, tuples and scalars; ``places`` tells where each is written."""

    path: Path
    values: dict[str, Any] = field(default_factory=dict)
    places: dict[Steps, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def place(self, steps: Steps) -> Place:
        """Where ``steps`` is written, or the nearest thing around it."""
        for length in range(len(steps), 0, -1):
            found = self.places.get(steps[:length])
            if found is not None:
                return Place(found.path, found.line, found.written + steps[length:])
        return Place(self.path, 1 if self.values else 0, steps)

    def lay_over(self, other: "Document", under: Steps = ()) -> None:
        """Merge what ``other`` says below ``under`` into this: maps deep, lists replaced."""
        source: Any = other.values
        for step in under:
            source = source.get(step) if isinstance(source, dict) else None
        if isinstance(source, dict):
            _merge(self.values, source)
            for steps in _leaves_and_maps(source):
                self._move_place(other, under, steps, source)

    def _move_place(self, other: "Document", under: Steps, steps: Steps, source: Any) -> None:
        place = other.places.get(under + steps)
        if place is None:
            return
        value = source
        for step in steps:
            value = value[step]
        if isinstance(value, tuple):
            for stale in [s for s in self.places if s[: len(steps)] == steps]:
                del self.places[stale]
        elif isinstance(value, dict) and steps in self.places:
            return
        self.places[steps] = place


def _merge(into: dict[str, Any], source: dict[str, Any]) -> None:
    for key, value in source.items():
        present = into.get(key)
        if isinstance(present, dict) and isinstance(value, dict):
            present = into[key] = dict(present)
            _merge(present, value)
        else:
            into[key] = value


def _leaves_and_maps(value: Any, steps: Steps = ()) -> Iterator[Steps]:
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, tuple):
        items = enumerate(value)
    for key, child in items:
        yield (*steps, key)
        yield from _leaves_and_maps(child, (*steps, key))


def read(path: Path) -> Document:
    """Read a file. Whatever is wrong with it is in the document's problems."""
    document = Document(path)
    text = _read_text(document)
    if text is not None:
        read_text(document, text)
    return document


def read_text(document: Document, text: str) -> None:
    """Fill ``document`` from ``text``."""
    if not text.strip():
        _complain(document, 0, "the file is empty", "opsbook init writes one to start from")
        return
    node = _compose(document, text)
    if node is None:
        if not document.problems:
            _complain(document, 0, "the file says nothing", "opsbook init writes one to start from")
        return
    from opsbook.config.yaml_values import Builder

    value = Builder(document).build(node)
    if isinstance(value, dict):
        document.values = value
    elif not document.problems:
        _complain(document, 1, "should be a map of sections", "it starts with project: NAME")


def _read_text(document: Document) -> str | None:
    path = document.path
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        _complain(document, 0, "there is no such file", "opsbook init writes one, -c names another")
        return None
    except IsADirectoryError:
        _complain(document, 0, "is a folder", "name the file: -c FOLDER/opsbook.yaml")
        return None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "bad name"
        _complain(document, 0, f"cannot be read: {reason}", "check its permissions")
        return None
    if len(raw) > MAX_BYTES:
        _complain(document, 0, "is larger than 1 MB", "an ops file is a few hundred lines")
        return None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        _complain(document, line, "is not text in UTF-8", "save it as UTF-8")
        return None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        _complain(document, line, "is a binary file", "an ops file is YAML text")
        return None
    return text


def _compose(document: Document, text: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        return YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = 0 if mark is None else mark.line + 1
        message, hint = _syntax(text, line, str(error.problem or error.context or "not YAML"))
        _complain(document, line, message, hint)
    except YAMLError as error:
        _complain(document, _line_of(text, error), "holds a character YAML does not allow", "")
    except RecursionError:
        _complain(document, 0, "is nested too deeply", f"at most {MAX_DEPTH} levels")
    except (ValueError, TypeError, AttributeError, IndexError, KeyError, AssertionError) as error:
        _complain(document, 0, f"is not YAML: {error}", "")
    return None


def _line_of(text: str, error: Exception) -> int:
    position = getattr(error, "position", None)
    return text.count("\n", 0, position) + 1 if isinstance(position, int) else 0


def _syntax(text: str, line: int, problem: str) -> tuple[str, str]:
    lines = text.splitlines()
    written = lines[line - 1] if 0 < line <= len(lines) else ""
    if "\t" in written[: len(written) - len(written.lstrip())] or "'\\t'" in problem:
        return "a tab is used to indent", "use spaces"
    if "mapping values are not allowed" in problem:
        return "a second colon in one line", "put the text in quotes, or check the indentation"
    if "undefined alias" in problem:
        return problem, "an anchor (&name) must come before its alias (*name)"
    if "single document" in problem or "another document" in problem:
        return "holds more than one document", "remove the line with ---"
    if "could not find expected ':'" in problem:
        return "a key without a colon", "write key: value"
    if "expected <block end>" in problem:
        return "the indentation does not fit", "align it with its neighbours, with spaces"
    return f"is not YAML: {problem}", "check quotes, brackets and indentation"


def _complain(document: Document, line: int, message: str, hint: str) -> None:
    document.problems.append(Problem(document.path, line, "", message, hint))


def complain(document: Document, line: int, steps: Steps, message: str, hint: str = "") -> None:
    """Add a problem of this file at ``line``."""
    document.problems.append(Problem(document.path, line, dotted(steps), message, hint))
