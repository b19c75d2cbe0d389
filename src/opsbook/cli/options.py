"""Options that every command takes, wherever they stand on the line.

They are read before the command is: ``opsbook deploy v2 -e staging --json`` and
``opsbook -e staging --json deploy v2`` mean the same. Each is also a variable.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from opsbook.errors import UsageError

_FLAGS = {
    "--json": "json",
    "-y": "yes",
    "--yes": "yes",
    "--dry-run": "dry_run",
    "-v": "verbose",
    "--verbose": "verbose",
    "-q": "quiet",
    "--quiet": "quiet",
}
_VALUES = {
    "-e": "environment",
    "--env": "environment",
    "-c": "config",
    "--config": "config",
    "--state": "state",
}
_VARIABLES = {
    "environment": "OPSBOOK_ENV",
    "config": "OPSBOOK_CONFIG",
    "state": "OPSBOOK_STATE",
    "json": "OPSBOOK_JSON",
    "yes": "OPSBOOK_YES",
    "dry_run": "OPSBOOK_DRY_RUN",
    "verbose": "OPSBOOK_VERBOSE",
    "quiet": "OPSBOOK_QUIET",
}

HELP = """\
Everywhere: -e/--env NAME, -c/--config FILE, --state DIR, --json, -y/--yes, --dry-run, \
-v/--verbose, -q/--quiet; each also as OPSBOOK_ENV, OPSBOOK_CONFIG, … Exit codes: 0 done, \
1 failed, 2 usage, 3 opsbook.yaml, 4 not found, 5 conflict, 6 refused, 7 outside."""


@dataclass(frozen=True)
class Options:
    """The options of this call."""

    environment: str = ""
    config: str = ""
    state: str = ""
    json: bool = False
    yes: bool = False
    dry_run: bool = False
    verbose: bool = False
    quiet: bool = False

    @property
    def config_path(self) -> Path:
        """The ops file: given, or the nearest ``opsbook.yaml`` from here upwards."""
        if self.config:
            return Path(self.config).absolute()
        here = Path.cwd()
        for folder in (here, *here.parents):
            if (folder / "opsbook.yaml").is_file():
                return folder / "opsbook.yaml"
        return here / "opsbook.yaml"


_current = Options()


def current() -> Options:
    """The options of the command that runs now."""
    return _current


def use(options: Options) -> None:
    """Set the options for the command about to run."""
    global _current
    _current = options


def split(
    argv: Sequence[str], environ: Mapping[str, str] = os.environ
) -> tuple[Options, list[str]]:
    """Take the options out of ``argv``; what follows ``--`` is left alone.

    Raises UsageError when a value is missing.
    """
    found: dict[str, str | bool] = _from_environment(environ)
    rest: list[str] = []
    words = list(argv)
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if word == "--":
            rest += [word, *words]
            break
        if word in _FLAGS:
            found[_FLAGS[word]] = True
        elif name in _VALUES and name.startswith("--") and equals:
            found[_VALUES[name]] = value
        elif word in _VALUES:
            if not words:
                raise UsageError(f"{word} needs a value", hint=HELP)
            found[_VALUES[word]] = words.pop(0)
        else:
            rest.append(word)
    return replace(Options(), **found), rest  # type: ignore[arg-type]


def _from_environment(environ: Mapping[str, str]) -> dict[str, str | bool]:
    found: dict[str, str | bool] = {}
    for field, variable in _VARIABLES.items():
        value = environ.get(variable, "")
        if not value:
            continue
        if isinstance(getattr(Options(), field), bool):
            found[field] = value.lower() not in ("0", "false", "no")
        else:
            found[field] = value
    return found
