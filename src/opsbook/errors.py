"""Every error Opsbook raises on purpose.

::

    OpsbookError(message, *, hint="", subject="")        exit  HTTP
    ├── UsageError          asked for the impossible        2   400
    ├── ConfigError         opsbook.yaml has problems       3   422
    ├── NotFoundError       no such service, release, run   4   404
    ├── ConflictError       locked, running, changed        5   409
    ├── RefusedError        policy says no                  6   403
    ├── FailedError         a command ran and failed        1   500
    └── ExternalError       the outside failed us           7   502
        ├── TransientError  may pass: time-out, refused
        └── PermanentError  will not: denied, malformed

A bad answer is a value, not an error: probes, analysis and verification return
a verdict. Foreign exceptions are caught in adapters only and raised again as one
of these, ``from`` the original.
"""

from typing import Any, ClassVar


class OpsbookError(Exception):
    """Something went wrong that a person can act on.

    One positional argument and keyword-only rest with defaults, so that every
    subclass survives pickling and the trip through JSON without help.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 70
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, *, hint: str = "", subject: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.subject = subject

    def __str__(self) -> str:
        return f"{self.subject}: {self.message}" if self.subject else self.message

    def as_dict(self) -> dict[str, str]:
        """The ``error`` object of every JSON answer: code, message, hint, subject."""
        return {
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
            "subject": self.subject,
        }

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.hint, self.subject)


def _rebuild(kind: type[OpsbookError], message: str, hint: str, subject: str) -> OpsbookError:
    return kind(message, hint=hint, subject=subject)


class UsageError(OpsbookError):
    """The request cannot be carried out as written: a wrong option or argument."""

    code = "usage"
    exit_code = 2
    http_status = 400


class ConfigError(OpsbookError):
    """``opsbook.yaml`` (or another declared file) has problems."""

    code = "config"
    exit_code = 3
    http_status = 422


class NotFoundError(OpsbookError):
    """The named service, release, deployment, backup or run does not exist."""

    code = "not_found"
    exit_code = 4
    http_status = 404


class ConflictError(OpsbookError):
    """Somebody else is at it, it already runs, or it changed since it was read."""

    code = "conflict"
    exit_code = 5
    http_status = 409


class RefusedError(OpsbookError):
    """A policy says no: a freeze, a failed gate, a migration that cannot be undone."""

    code = "refused"
    exit_code = 6
    http_status = 403


class FailedError(OpsbookError):
    """A command ran and failed."""

    code = "failed"
    exit_code = 1
    http_status = 500


class ExternalError(OpsbookError):
    """Something outside Opsbook failed us."""

    code = "external"
    exit_code = 7
    http_status = 502


class TransientError(ExternalError):
    """An outside failure that may pass: a time-out, a refused connection, a 503."""

    code = "transient"


class PermanentError(ExternalError):
    """An outside failure that will not pass: access denied, malformed, unsupported."""

    code = "permanent"


ERROR_TYPES: tuple[type[OpsbookError], ...] = (
    UsageError,
    ConfigError,
    NotFoundError,
    ConflictError,
    RefusedError,
    FailedError,
    ExternalError,
    TransientError,
    PermanentError,
)


def error_from_dict(payload: dict[str, Any]) -> OpsbookError:
    """Rebuild an error from :meth:`OpsbookError.as_dict`; unknown codes become the base class."""
    kinds = {kind.code: kind for kind in ERROR_TYPES}
    kind = kinds.get(str(payload.get("code", "")), OpsbookError)
    return kind(
        str(payload.get("message", "unknown error")),
        hint=str(payload.get("hint", "")),
        subject=str(payload.get("subject", "")),
    )
