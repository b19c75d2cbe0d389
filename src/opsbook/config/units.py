"""Values written with units: durations, sizes, percentages, counts or percentages, schedules.

Every type here is a pydantic annotation. It takes the text of the file and gives a typed
value; a bare number where a unit is needed is refused with a hint that shows the unit.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, NoReturn

from pydantic import GetPydanticSchema, WithJsonSchema
from pydantic_core import PydanticCustomError, core_schema

from opsbook.clock import parse_duration
from opsbook.config.cron import Cron, CronError
from opsbook.errors import UsageError

_BYTES = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]i?)?B?", re.IGNORECASE)
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_CPU_MILLI = re.compile(r"(\d+)m")
_SCALES = {
    "": 1,
    "k": 10**3,
    "m": 10**6,
    "g": 10**9,
    "t": 10**12,
    "ki": 2**10,
    "mi": 2**20,
    "gi": 2**30,
    "ti": 2**40,
}


def refuse(message: str, hint: str = "") -> NoReturn:
    """Refuse a value from inside a validator; the loader adds file, line and path."""
    text = message.replace("{", "{{").replace("}", "}}") if "{" in message else message
    raise PydanticCustomError("opsbook", text, {"hint": hint, "text": message})


@dataclass(frozen=True)
class Amount:
    """A count or a percentage: ``2`` or ``25%``. Exactly one of the two is set."""

    count: int | None = None
    percent: float | None = None

    def of(self, size: int, *, round_up: bool) -> int:
        """How many instances that is out of ``size``."""
        if self.count is not None:
            return self.count
        exact = size * (self.percent or 0.0) / 100.0
        whole = int(exact)
        return whole + 1 if round_up and exact > whole else whole

    def __str__(self) -> str:
        return str(self.count) if self.count is not None else f"{self.percent:g}%"


@dataclass(frozen=True)
class Respond:
    """A promised response time; ``within`` is None for the next business day."""

    within: timedelta | None

    def __str__(self) -> str:
        return "next business day" if self.within is None else str(self.within)


def read_duration(value: Any) -> timedelta:
    """``30s``, ``5m``, ``1h30m``, ``7d``."""
    if isinstance(value, timedelta):
        return value
    if value == 0 and not isinstance(value, (bool, str)):
        refuse("0 has no unit", "write 0s")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        refuse(f"{value} has no unit", f"write it with a unit: {value}s, {value}m or {value}h")
    if not isinstance(value, str):
        refuse("should be a duration", "such as 30s, 5m, 2h or 7d")
    try:
        return parse_duration(value)
    except (UsageError, OverflowError):
        hint = "write it with a unit: 250ms, 30s, 5m, 2h, 7d"
        refuse(f"{value!r} is not a duration", hint)


def read_positive(value: Any) -> timedelta:
    """A duration longer than nothing."""
    duration = read_duration(value)
    if duration <= timedelta():
        refuse("must be longer than nothing", "such as 30s or 5m")
    return duration


def read_bytes(value: Any) -> int:
    """``512Mi``, ``2Gi``, ``500M``; Ki/Mi/Gi/Ti are powers of 1024, K/M/G/T of 1000."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        refuse(f"{value} has no unit", f"write it with a unit: {value}Mi or {value}Gi")
    if not isinstance(value, str):
        refuse("should be a size", "such as 512Mi or 2Gi")
    match = _BYTES.fullmatch(value.strip())
    if match is None:
        refuse(f"{value!r} is not a size", "write it with a unit: 512Mi, 2Gi, 500M")
    if match.group(2) is None and not value.strip().upper().endswith("B"):
        refuse(f"{value} has no unit", f"write it with a unit: {value}Mi or {value}Gi")
    return int(float(match.group(1)) * _SCALES[(match.group(2) or "").lower()])


def read_percent(value: Any) -> float:
    """``5%`` gives 5.0; between 0 and 100."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        refuse(f"{value} has no unit", f"write {value}%")
    if not isinstance(value, str):
        refuse("should be a percentage", "such as 5%")
    match = _PERCENT.fullmatch(value.strip())
    if match is None:
        refuse(f"{value!r} is not a percentage", "such as 5%")
    number = float(match.group(1))
    if number > 100:
        refuse(f"{value} is more than everything", "between 0% and 100%")
    return number


def read_amount(value: Any) -> Amount:
    """A count of instances (``2``) or a share of them (``25%``)."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        refuse("should be a count or a percentage", "such as 1 or 25%")
    if isinstance(value, int):
        if value < 0:
            refuse("should not be negative", "such as 1 or 25%")
        return Amount(count=value)
    if value.strip().isdigit():
        return Amount(count=int(value))
    return Amount(percent=read_percent(value))


def read_cpu(value: Any) -> float:
    """Cores: ``0.5``, ``2`` or ``500m`` (thousandths of a core)."""
    number = -1.0
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        number = float(value)
    elif isinstance(value, str) and (match := _CPU_MILLI.fullmatch(value.strip())):
        number = int(match.group(1)) / 1000
    if not 0 < number < 10_000:
        refuse(f"{value!r} is not a number of cores", "such as 0.5, 2 or 500m")
    return number


def read_respond(value: Any) -> Respond:
    """``0m``, ``15m``, ``immediately`` or ``next business day``."""
    if isinstance(value, str) and value.strip().lower() == "next business day":
        return Respond(None)
    if isinstance(value, str) and value.strip().lower() in ("immediate", "immediately"):
        return Respond(timedelta())
    return Respond(read_duration(value))


def read_cron(value: Any) -> Cron:
    """Five fields, or hourly, daily, weekly, monthly, yearly."""
    if not isinstance(value, str):
        refuse("should be a schedule", 'such as "0 2 * * *" or daily')
    try:
        return Cron.parse(value)
    except CronError as error:
        refuse(str(error), error.hint)


def read_timezone(value: Any) -> str:
    """A name of the time zone database: ``UTC``, ``Europe/Berlin``."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    if not isinstance(value, str):
        refuse("should be a time zone", "such as UTC or Europe/Berlin")
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        refuse(f"{value!r} is not a time zone", "such as UTC or Europe/Berlin")
    return value


def read_moment(value: Any) -> datetime:
    """A date, or a date and a time, without an offset: ``2026-12-20`` or ``2026-12-20 18:00``."""
    if not isinstance(value, str):
        refuse("should be a date or a date and a time", "such as 2026-12-20 18:00")
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        refuse(f"{value!r} is not a date", "such as 2026-12-20 or 2026-12-20 18:00")
    if moment.tzinfo is not None:
        refuse("has its own offset", "write the local time and name the zone in timezone")
    return moment


def read_text(value: Any) -> str:
    """Text; numbers and booleans are taken as they are written in a shell."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if not isinstance(value, str):
        refuse("should be text", "put it in quotes")
    return value


def _plain(read: Callable[[Any], Any]) -> GetPydanticSchema:
    """A pydantic schema that is nothing but ``read``; serialises as text."""

    def schema(_source: Any, _handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            read, serialization=core_schema.to_string_ser_schema()
        )

    return GetPydanticSchema(schema)


def _text(pattern: str, example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": [example]})


_DURATION = _text(r"^\s*(\d+(\.\d+)?\s*(ms|s|m|h|d|w)\s*)+$", "30s")
Duration = Annotated[timedelta, _plain(read_duration), _DURATION]
PositiveDuration = Annotated[timedelta, _plain(read_positive), _DURATION]
Bytes = Annotated[
    int, _plain(read_bytes), _text(r"^\s*\d+(\.\d+)?\s*([KMGTkmgt]i?[Bb]?|[Bb])\s*$", "512Mi")
]
Percent = Annotated[float, _plain(read_percent), _text(r"^\s*\d+(\.\d+)?\s*%\s*$", "5%")]
CountOrPercent = Annotated[
    Amount,
    _plain(read_amount),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": r"^\d"}]}
    ),
]
Cores = Annotated[
    float,
    _plain(read_cpu),
    WithJsonSchema(
        {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string"}]},
    ),
]
ResponseTime = Annotated[Respond, _plain(read_respond), WithJsonSchema({"type": "string"})]
Schedule = Annotated[Cron, _plain(read_cron), WithJsonSchema({"type": "string"})]
Timezone = Annotated[str, _plain(read_timezone), WithJsonSchema({"type": "string"})]
Moment = Annotated[datetime, _plain(read_moment), WithJsonSchema({"type": "string"})]
Text = Annotated[str, _plain(read_text), WithJsonSchema({"type": ["string", "number", "boolean"]})]
