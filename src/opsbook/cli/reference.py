"""The command reference, rendered from the commands themselves."""

import importlib
import inspect
from collections.abc import Callable
from typing import Any

from opsbook.cli.commands import NOUNS, VERBS
from opsbook.cli.options import HELP


def render_cli_reference() -> str:
    """docs/cli.md: every command with its parameters."""
    lines = [
        "# Command line",
        "",
        "Generated from the commands; `make docs` writes it.",
        "",
        HELP,
        "",
    ]
    lines += ["## Every day", ""]
    for name, (path, text) in VERBS.items():
        lines += _entry(f"opsbook {name}", path, text)
    for noun, (text, commands) in NOUNS.items():
        lines += [f"## opsbook {noun}", ""]
        if isinstance(commands, str):
            lines += _entry(f"opsbook {noun}", commands, text)
            continue
        lines += [text, ""]
        for name, (path, help_text) in commands.items():
            lines += _entry(f"opsbook {noun} {name}", path, help_text)
    return "\n".join(lines).rstrip() + "\n"


def _entry(command: str, path: str, text: str) -> list[str]:
    module, _, function = path.partition(":")
    target: Callable[..., Any] = getattr(importlib.import_module(module), function)
    lines = [f"### `{command}`", "", text, ""]
    details = _parameters(target)
    return [*lines, *details, ""] if details else lines


def _parameters(function: Callable[..., Any]) -> list[str]:
    explained = _explained(inspect.getdoc(function) or "")
    lines = []
    for name, parameter in inspect.signature(function).parameters.items():
        option = f"--{name.replace('_', '-')}"
        shown = option if parameter.kind is inspect.Parameter.KEYWORD_ONLY else name.upper()
        lines.append(f"- `{shown}`: {explained.get(name, '')}".rstrip(": "))
    return lines


def _explained(doc: str) -> dict[str, str]:
    """The parameters' part of a docstring: a name, then its indented text."""
    found: dict[str, str] = {}
    name = ""
    for line in doc.partition("----------\n")[2].splitlines():
        if line and not line.startswith(" "):
            name = line.rstrip(":").strip()
        elif line.strip() and name:
            found[name] = f"{found.get(name, '')} {line.strip()}".strip()
    return found
