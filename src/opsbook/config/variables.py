"""``${VAR}`` and ``${VAR:-default}``: where they are replaced, and with what."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from opsbook.config.problems import Steps

_VARIABLE = re.compile(r"\$\$|\$\{([^}]*)\}")
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)

_REPLACED = (
    "environments.*.url",
    "services.*.env.*",
    "services.*.image",
    "services.*.source",
    "services.*.build.args.*",
    "dependencies.*.url",
    "dependencies.*.replica",
    "dependencies.*.path",
    "dependencies.*.address",
    "dependencies.*.database",
    "dependencies.*.user",
    "dependencies.*.headers.*",
    "channels.*.url",
    "channels.*.routing_key",
    "channels.*.server",
    "channels.*.from",
    "channels.*.to",
    "channels.*.to.*",
    "channels.*.secret",
    "channels.*.headers.*",
    "contacts.*.*",
    "backups.*.to",
    "backups.*.to.*",
    "backups.*.encrypt",
    "backups.*.encrypt.*",
    "stores.*.*",
    "traffic.listen",
    "traffic.tls.*",
    "console.*",
    "state.url",
    "state.folder",
    "docker.*",
    "kubernetes.*",
    "smoke.*.headers.*",
)
_COMMANDS = (
    "services.*.build",
    "services.*.build.*",
    "services.*.build.commands",
    "services.*.build.commands.*",
    "services.*.run",
    "services.*.secrets.*.command",
    "services.*.secrets.*.pattern",
    "dependencies.*.warm",
    "migrations.*",
    "gates.*.check",
    "smoke.*.command",
    "smoke.*.body",
    "recovery.checks.*.command",
    "recovery.checks.*.query",
    "schedules.*.with.*",
    "environments.*.overrides.**",
    "x-*.**",
    "x-*",
)
KEPT = frozenset({"VERSION"})


def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    parts = []
    for pattern in patterns:
        text = re.escape(pattern).replace(r"\*\*", ".+").replace(r"\*", "[^/]*")
        parts.append(text.replace(r"\.", "/"))
    return re.compile("|".join(f"(?:{part})" for part in parts))


_REPLACED_RE = _compiled(_REPLACED)
_COMMANDS_RE = _compiled(_COMMANDS)

Complain = Callable[[Steps, str, str], None]


@dataclass
class Expansion:
    """Replaces variables in the values of one file for one environment.

    ``unresolved`` keeps the places whose variables are not set; with ``required`` each
    of them is a problem, except in the settings of other environments.
    """

    environ: Mapping[str, str]
    environment: str
    complain: Complain
    required: bool = True
    unresolved: set[Steps] = field(default_factory=set)

    def values(self, value: Any, steps: Steps = ()) -> Any:
        """``value`` with its variables replaced."""
        if isinstance(value, dict):
            return {key: self.values(child, (*steps, key)) for key, child in value.items()}
        if isinstance(value, tuple):
            return tuple(self.values(child, (*steps, i)) for i, child in enumerate(value))
        if isinstance(value, str) and "$" in value:
            return self._text(value, steps)
        return value

    def _text(self, text: str, steps: Steps) -> str:
        where = "/".join(str(step).replace("/", "_") for step in steps)
        if _REPLACED_RE.fullmatch(where):
            return _VARIABLE.sub(lambda match: self._one(match, steps), text)
        if "${" in text and not _COMMANDS_RE.fullmatch(where):
            hint = "they are replaced in addresses, env, images, channels, stores and contacts"
            self.complain(steps, "variables are not replaced here", hint)
        return text

    def _one(self, match: re.Match[str], steps: Steps) -> str:
        if match.group(0) == "$$":
            return "$"
        parts = _NAME.fullmatch(match.group(1))
        if parts is None:
            self.complain(
                steps, f"{match.group(0)} is not a variable", "${NAME} or ${NAME:-default}"
            )
            return match.group(0)
        name, default = parts.groups()
        value = self.environ.get(name, "")
        if value or default is not None:
            return value or str(default)
        if name in KEPT and steps[-1] == "image":
            return match.group(0)
        self._missing(name, steps)
        return match.group(0)

    def _missing(self, name: str, steps: Steps) -> None:
        elsewhere = steps[0] == "environments" and steps[1] != self.environment
        self.unresolved.add(steps)
        if self.required and not elsewhere:
            hint = f"export {name}=…, or write ${{{name}:-default}}"
            self.complain(steps, f"the variable {name} is not set", hint)
