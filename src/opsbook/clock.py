"""The only reader of time.

Code that decides takes ``now`` as a value. Code that waits takes a :class:`Clock`;
tests pass a :class:`VirtualClock` and wait for nothing.
"""

import re
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

from opsbook.errors import UsageError

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")


class Clock(Protocol):
    """Wall time, monotonic time and sleeping."""

    def now(self) -> datetime:
        """The current time, aware and in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds on a scale that never jumps."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait ``seconds``."""
        ...


class SystemClock:
    """Real time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            time.sleep(seconds)


class VirtualClock:
    """Time that moves only when told to, or when somebody sleeps on it."""

    def __init__(self, start: datetime | None = None) -> None:
        self._now = start or datetime(2026, 1, 1, tzinfo=UTC)
        self._elapsed = 0.0
        self._lock = threading.Lock()

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._elapsed

    def sleep(self, seconds: float) -> None:
        self.advance(max(0.0, seconds))

    def advance(self, seconds: float) -> None:
        """Move both scales forward."""
        with self._lock:
            self._now += timedelta(seconds=seconds)
            self._elapsed += seconds


def parse_duration(text: str) -> timedelta:
    """Read a duration written with units: ``90s``, ``5m``, ``1h30m``, ``250ms``.

    Raises UsageError for a bare number or an unknown unit.
    """
    compact = text.strip().replace(" ", "")
    seconds = 0.0
    position = 0
    for match in _PART.finditer(compact):
        if match.start() != position:
            break
        seconds += float(match.group(1)) * _UNITS[match.group(2)]
        position = match.end()
    if not compact or position != len(compact):
        raise UsageError(
            f"{text!r} is not a duration", hint="write it with a unit: 250ms, 30s, 5m, 2h, 7d"
        )
    return timedelta(seconds=seconds)


def format_duration(value: timedelta | float) -> str:
    """Write a duration the way :func:`parse_duration` reads it, in at most two units."""
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if seconds < 0:
        return "-" + format_duration(-seconds)
    if seconds < 1:
        return f"{round(seconds * 1000)}ms" if seconds else "0s"
    if seconds < 60:
        return f"{seconds:.1f}".removesuffix(".0") + "s"
    whole = round(seconds)
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, whole = divmod(whole, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts[:2])
