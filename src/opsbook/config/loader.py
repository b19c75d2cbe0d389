"""From a file to a :class:`Config`, or to every problem it has.

The steps: read the YAML, lay the environment over it, replace variables, validate each
entry, run the rules over what is valid. No step stops at its first problem.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from opsbook.config.document import Document, read
from opsbook.config.explain import findings, value_at
from opsbook.config.model.project import DEFAULT_ENVIRONMENT, Config
from opsbook.config.problems import ConfigProblems, Problem, Steps, dotted, in_order, nearest
from opsbook.config.rules import broken_rules
from opsbook.config.scene import Scene
from opsbook.config.variables import Expansion
from opsbook.errors import NotFoundError

FILE_NAME = "opsbook.yaml"
_MAX_ROUNDS = 50
_IN_URL = re.compile(r"(?<=://)[^/@\s]+@")


def load(
    path: Path,
    *,
    environment: str | None = None,
    environ: Mapping[str, str] | None = None,
    resolve: bool = True,
) -> Config:
    """Read the ops file for one environment.

    ``environ`` holds the variables (the process's own by default). With ``resolve`` false
    an unset variable is no problem and stays as it is written: for linting and planning
    where the values are not at hand. Raises ConfigProblems with every error of the file.
    """
    session = _Reading(read(path), environment, environ, resolve)
    config = session.config()
    errors = [problem for problem in session.problems() if problem.severity == "error"]
    if errors or config is None:
        raise ConfigProblems(errors)
    return config


def check(
    path: Path,
    *,
    environment: str | None = None,
    environ: Mapping[str, str] | None = None,
    resolve: bool = True,
) -> tuple[Problem, ...]:
    """Every problem of the ops file, errors and warnings, in the order of its lines.

    Without ``environment`` all declared environments are checked; variables must be set
    for the default one only.
    """
    first = _Reading(read(path), environment, environ, resolve)
    first.config()
    problems = list(first.problems())
    if environment is None:
        for other in first.declared():
            if other != first.environment:
                reading = _Reading(read(path), other, environ, False)
                reading.config()
                problems += reading.problems()
    return in_order(problems)


def from_mapping(
    values: Mapping[str, Any],
    *,
    root: Path,
    environment: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Config:
    """A Config from plain values, as if they stood in ``root/opsbook.yaml``.

    For programs and tests that have no file. Raises ConfigProblems.
    """
    document = Document(root / FILE_NAME, values=_plain(dict(values)))
    session = _Reading(document, environment, environ, True)
    config = session.config()
    errors = [problem for problem in session.problems() if problem.severity == "error"]
    if errors or config is None:
        raise ConfigProblems(errors)
    return config


def find_file(start: Path) -> Path:
    """The ops file in ``start`` or the nearest folder above. Raises NotFoundError."""
    for folder in (start.absolute(), *start.absolute().parents):
        for name in (FILE_NAME, "opsbook.yml"):
            if (folder / name).is_file():
                return folder / name
    raise NotFoundError(
        f"no {FILE_NAME} in {start} or above", hint="opsbook init writes one, -c names another"
    )


def environments(path: Path) -> tuple[str, ...]:
    """Names of the environments a file declares; reads nothing else of it."""
    return _Reading(read(path), None, {}, False).declared()


class _Reading:
    """One file read for one environment."""

    def __init__(
        self,
        document: Document,
        environment: str | None,
        environ: Mapping[str, str] | None,
        resolve: bool,
    ) -> None:
        self._document = document
        self._found: list[Problem] = []
        self._left_out: set[Steps] = set()
        self._said: set[Steps] = set()
        self._environ = os.environ if environ is None else environ
        self._resolve = resolve
        self._base = document.values
        self.environment = self._choose(environment)
        self._unresolved: set[Steps] = set()

    def declared(self) -> tuple[str, ...]:
        """Names of the declared environments."""
        entries = self._base.get("environments")
        return tuple(entries) if isinstance(entries, dict) else ()

    def problems(self) -> tuple[Problem, ...]:
        """What was found so far."""
        return in_order([*self._document.problems, *self._found])

    def config(self) -> Config | None:
        """The configuration as far as it is valid; None when nothing of it is."""
        if not self._document.values:
            return None
        self._overlay()
        digest = _digest(self._document.values, self.environment)
        written = {k: v for k, v in self._document.values.items() if not k.startswith("x-")}
        expansion = Expansion(self._environ, self.environment, self._complain, self._resolve)
        values = expansion.values(written)
        self._unresolved = expansion.unresolved
        config = self._validate(values)
        if config is None:
            return None
        config._environment = self.environment
        config._path = self._document.path
        config._digest = digest
        places = self._document.places.items()
        config._lines = {dotted(steps): (place.path, place.line) for steps, place in places}
        scene = Scene(config, values, frozenset(self._unresolved), written)
        for finding in broken_rules(scene):
            if not self._follows(finding.steps):
                self._complain(finding.steps, finding.message, finding.hint, finding.severity)
        return config

    def _choose(self, environment: str | None) -> str:
        entries = self._base.get("environments")
        names = self.declared()
        if environment is not None:
            beside = self._overlay_path(environment).is_file()
            known = environment in names or beside or (not names and environment == "development")
            if not known and self._base:
                hint = nearest(environment, names) or "declare it below environments"
                self._complain(("environments",), f"there is no {environment}", hint)
            return environment
        for name in names:
            entry = entries.get(name) if isinstance(entries, dict) else None
            if isinstance(entry, dict) and entry.get("default") is True:
                return name
        return names[0] if names else DEFAULT_ENVIRONMENT

    def _overlay_path(self, environment: str) -> Path:
        path = self._document.path
        plain = Path(environment).name == environment
        return path.with_name(f"{path.stem}.{environment}{path.suffix}") if plain else path.parent

    def _overlay(self) -> None:
        document = self._document
        own = Document(document.path, dict(document.values), dict(document.places))
        beside = self._overlay_path(self.environment)
        if beside.is_file():
            overlay = read(beside)
            document.problems += overlay.problems
            document.lay_over(overlay)
        document.lay_over(own, ("environments", self.environment, "overrides"))

    def _validate(self, values: dict[str, Any]) -> Config | None:
        """Validate; leave out what is wrong until the rest can be judged by the rules."""
        rest = values
        for _ in range(_MAX_ROUNDS):
            try:
                return Config.model_validate(rest)
            except ValidationError as error:
                found = list(findings(error, rest, Config))
            for steps, message, hint in found:
                if not self._follows(steps) and steps not in self._said:
                    self._complain(steps, message, hint)
            for steps, _message, _hint in found:
                rest = self._without(rest, steps)
        return None

    def _follows(self, steps: Steps) -> bool:
        """Whether a finding there only comes from what was left out."""
        return any(steps in (left, left[:-1]) for left in self._left_out)

    def _without(self, values: dict[str, Any], steps: Steps) -> dict[str, Any]:
        """``values`` without what is at ``steps``, or without the entry that lacks it."""
        if steps[:1] in ((), ("project",)):
            return {**values, "project": "unknown"} if steps else {"project": "unknown"}
        left = steps if value_at(steps, values) is not ... else steps[:-1]
        while left and isinstance(left[-1], int):
            left = left[:-1]
        self._left_out.add(left)
        return dict(_deleted(values, left)) if left else {"project": "unknown"}

    def _complain(
        self, steps: Steps, message: str, hint: str = "", severity: Any = "error"
    ) -> None:
        self._said.add(steps)
        place = self._document.place(steps)
        where = dotted(place.written)
        self._found.append(Problem(place.path, place.line, where, message, hint, severity))


def _deleted(values: Any, steps: Steps) -> Any:
    """A copy of ``values`` without the key at the end of ``steps``; lists keep their length."""
    step = steps[0]
    if isinstance(values, tuple):
        return tuple(
            _deleted(child, steps[1:]) if index == step else child
            for index, child in enumerate(values)
        )
    if not isinstance(values, dict):
        return values
    if len(steps) == 1:
        return {key: child for key, child in values.items() if key != step}
    return {k: _deleted(child, steps[1:]) if k == step else child for k, child in values.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(child) for key, child in value.items()}
    if isinstance(value, (list, tuple)):
        return tuple(_plain(child) for child in value)
    return value


def _digest(values: Mapping[str, Any], environment: str) -> str:
    content = {key: value for key, value in values.items() if not key.startswith("x-")}
    entries = content.get("environments")
    here = entries.get(environment) if isinstance(entries, dict) else None
    if isinstance(here, dict):
        here = {key: value for key, value in here.items() if key != "overrides"}
    content["environments"] = {environment: here}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(_IN_URL.sub("", text).encode("utf-8", "replace")).hexdigest()
