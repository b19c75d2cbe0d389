"""Resolve references to secrets, and say what is wrong with a value without showing it."""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from opsbook.config.masking import Masker, Secret, mask
from opsbook.config.model.project import Config
from opsbook.config.model.service import SecretRef
from opsbook.config.problems import Problem
from opsbook.config.weak import is_weak
from opsbook.errors import ConfigError, FailedError
from opsbook.shell import run

__all__ = ["Masker", "Secret", "mask", "problems", "resolve", "resolve_all"]

_COMMAND_TIMEOUT_S = 30.0
_LONGEST = 1_000_000


def resolve(ref: SecretRef, environ: Mapping[str, str], root: Path) -> Secret:
    """The value a reference stands for.

    ``environ`` holds the variables and is the environment of a command; relative files
    start at ``root``, where a command runs too. One final line break is dropped. Raises
    ConfigError when the value is missing or refused; the message never holds the value.
    """
    source, value = _read(ref, environ, root)
    wrong = _wrong(ref, value)
    if wrong:
        raise ConfigError(f"the secret from {source} {wrong[0]}", hint=wrong[1])
    return Secret(value)


def resolve_all(config: Config, service: str, environ: Mapping[str, str]) -> dict[str, Secret]:
    """All secrets of a service by the name of their variable. Raises ConfigError as resolve."""
    found = {}
    for name, ref in config.services[service].secrets.items():
        try:
            found[name] = resolve(ref, environ, config.root)
        except ConfigError as error:
            subject = f"services.{service}.secrets.{name}"
            raise ConfigError(error.message, hint=error.hint, subject=subject) from error
    return found


def problems(config: Config, environ: Mapping[str, str]) -> tuple[Problem, ...]:
    """What is wrong with the secrets of all services: missing, too short, not fitting, weak."""
    found = []
    for service in config.services.values():
        for name, ref in service.secrets.items():
            where = f"services.{service.name}.secrets.{name}"
            path, line = config.written_at(where)
            try:
                reason = is_weak(resolve(ref, environ, config.root).reveal())
            except ConfigError as error:
                found.append(Problem(path, line, where, error.message, error.hint))
                continue
            if reason:
                hint = "openssl rand -hex 32 makes a good one"
                found.append(Problem(path, line, where, reason, hint, "warning"))
    return tuple(found)


def _read(ref: SecretRef, environ: Mapping[str, str], root: Path) -> tuple[str, str]:
    if ref.env is not None:
        source = f"the variable {ref.env}"
        if not environ.get(ref.env):
            raise ConfigError(f"{source} is not set", hint=f"export {ref.env}=…")
        return source, environ[ref.env]
    if ref.file is not None:
        return f"the file {ref.file}", _from_file(root / Path(ref.file).expanduser())
    if ref.command is not None:
        return "its command", _from_command(ref.command, environ, root)
    raise ConfigError("the secret has no source", hint="give env, file or command")


def _from_file(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_LONGEST + 1)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not text in UTF-8", hint="encode it as base64") from error
    except OSError as error:
        reason = error.strerror or "cannot be read"
        raise ConfigError(f"{path}: {reason}", hint="check its place and permissions") from error
    if len(text) > _LONGEST:
        raise ConfigError(f"{path} is larger than 1 MB", hint="a secret is a line or two")
    return _trimmed(text)


def _from_command(command: str, environ: Mapping[str, str], root: Path) -> str:
    try:
        argv = shlex.split(command)
        result = run(argv or [""], env=environ, cwd=root, timeout_s=_COMMAND_TIMEOUT_S)
    except (FailedError, ValueError) as error:
        hint = "it runs without a shell: sh -c '…' gives one"
        raise ConfigError("the command of the secret cannot be run", hint=hint) from error
    if result.timed_out:
        hint = f"it must end within {_COMMAND_TIMEOUT_S:g} s"
        raise ConfigError("the command of the secret did not end", hint=hint)
    if not result.ok:
        message = f"the command of the secret exited with {result.code}"
        raise ConfigError(message, hint="run it by hand to see why")
    return _trimmed(result.out)


def _trimmed(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r")


def _wrong(ref: SecretRef, value: str) -> tuple[str, str] | None:
    if not value:
        return "is empty", "give it a value"
    if "\0" in value:
        return "holds a NUL byte", "encode it as base64"
    if len(value) < ref.min_length:
        return f"has {len(value)} characters", f"at least {ref.min_length} are asked for"
    if ref.pattern is not None and not re.fullmatch(ref.pattern, value, re.DOTALL):
        return "does not match its pattern", f"it must match {ref.pattern}"
    return None
