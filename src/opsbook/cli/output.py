"""The only printing: data on stdout, progress and errors on stderr.

With ``--json`` exactly one object goes to stdout and nothing else.
"""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from opsbook.cli import options
from opsbook.errors import OpsbookError, RefusedError, UsageError

_COLOURS = {"red": "31", "green": "32", "yellow": "33", "blue": "34", "bold": "1", "dim": "2"}


def paint(text: str, colour: str, *, stream: Any = None) -> str:
    """Colour for terminals only."""
    target = stream or sys.stdout
    if not target.isatty():
        return text
    return f"\033[{_COLOURS[colour]}m{text}\033[0m"


def result(data: Any, human: Callable[[Any], str | Iterable[str]] | None = None) -> None:
    """Show a command's answer: the object itself with ``--json``, else as a person reads it."""
    if options.current().json:
        sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False) + "\n")
    elif human is not None:
        text = human(data)
        lines = [text] if isinstance(text, str) else list(text)
        if lines:
            sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def line(text: str) -> None:
    """One line of data, for commands that stream (logs)."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def progress(text: str) -> None:
    """What is going on; silent with ``-q``."""
    if not options.current().quiet:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def error(problem: OpsbookError) -> None:
    """Show an error the one way errors are shown."""
    if options.current().json:
        sys.stdout.write(json.dumps({"error": problem.as_dict()}, ensure_ascii=False) + "\n")
        sys.stdout.flush()
    sys.stderr.write(paint("error:", "red", stream=sys.stderr) + f" {problem}\n")
    if problem.hint:
        sys.stderr.write(paint("hint:", "yellow", stream=sys.stderr) + f"  {problem.hint}\n")
    sys.stderr.flush()


def table(headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """Columns as wide as their content."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [
        max([len(header), *(len(row[index]) for row in cells)])
        for index, header in enumerate(headers)
    ]

    def format_row(row: Sequence[str]) -> str:
        return "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()

    return [paint(format_row(headers), "dim"), *(format_row(row) for row in cells)]


def confirm(question: str, *, name: str = "") -> None:
    """Ask before a change; with ``name``, the name must be typed.

    Raises RefusedError on a no, UsageError when there is nobody to ask.
    """
    if options.current().yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"{question}: nobody is there to ask", hint="add --yes to go on unasked")
    suffix = f" Type {name} to go on: " if name else " [y/N] "
    sys.stderr.write(question + suffix)
    sys.stderr.flush()
    answer = sys.stdin.readline().strip()
    if answer != name if name else answer.lower() not in ("y", "yes"):
        raise RefusedError("not confirmed", hint="nothing was changed")
