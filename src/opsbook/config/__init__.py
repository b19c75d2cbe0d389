"""What you declared: the ops file, read, validated and typed.

:func:`load` gives a :class:`Config` for one environment or raises :class:`ConfigProblems`
with every problem at once; :func:`check` gives the problems. Nothing here acts: no network,
and no command but those a secret reference names. Who needs a secret's value asks
:mod:`opsbook.config.secrets`; the reference of all keys is made by
:mod:`opsbook.config.reference`.

The names are loaded when they are first used: the command line imports this package for
every command, and most commands need a name or two of it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opsbook.config.loader import check, environments, find_file, from_mapping, load
    from opsbook.config.masking import Masker, Secret, mask
    from opsbook.config.model.project import Config
    from opsbook.config.problems import ConfigProblems, Problem
    from opsbook.config.template import init_template

__all__ = [
    "Config",
    "ConfigProblems",
    "Masker",
    "Problem",
    "Secret",
    "check",
    "environments",
    "find_file",
    "from_mapping",
    "init_template",
    "load",
    "mask",
]

_HOMES = {
    "Config": "model.project",
    "ConfigProblems": "problems",
    "Masker": "masking",
    "Problem": "problems",
    "Secret": "masking",
    "check": "loader",
    "environments": "loader",
    "find_file": "loader",
    "from_mapping": "loader",
    "init_template": "template",
    "load": "loader",
    "mask": "masking",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
