"""Five-field schedules: minute, hour, day of month, month, day of week.

The meaning is that of crontab(5): when both day fields are restricted, either may match.
A local time that a change of clocks skips runs at the next minute that exists; one that
comes twice runs once.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_DAYS = {name: n for n, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of the month", 1, 31, {}),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 7, _DAYS),
)
_NAMED = {
    "hourly": "0 * * * *",
    "daily": "0 2 * * *",
    "weekly": "0 3 * * 0",
    "monthly": "0 4 1 * *",
    "yearly": "0 4 1 1 *",
}
_HORIZON_DAYS = 366 * 9


class CronError(ValueError):
    """A schedule that cannot be read, or that never comes; caught where it is parsed."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint or 'five fields: minute hour day month weekday, such as "0 2 * * *"'


@dataclass(frozen=True)
class Cron:
    """One schedule. ``days`` and ``weekdays`` are None when written as ``*``; Sunday is 0."""

    text: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int] | None
    months: frozenset[int]
    weekdays: frozenset[int] | None

    @classmethod
    def parse(cls, text: str) -> "Cron":
        """Read a schedule. Raises CronError when it is malformed or can never come."""
        plain = text.strip().lower().removeprefix("@")
        parts = _NAMED.get(plain, plain).split()
        if len(parts) != 5:
            raise CronError(f"{text!r} is not a schedule")
        sets = [_field(part, *rule) for part, rule in zip(parts, _FIELDS, strict=True)]
        cron = cls(
            text=text.strip(),
            minutes=tuple(sorted(sets[0])),
            hours=tuple(sorted(sets[1])),
            days=None if parts[2].startswith("*") else frozenset(sets[2]),
            months=frozenset(sets[3]),
            weekdays=None if parts[4].startswith("*") else frozenset(d % 7 for d in sets[4]),
        )
        if parts[2].startswith("*/"):
            cron = _with_days(cron, frozenset(sets[2]))
        if cron._next_day(date(2024, 1, 1)) is None:
            raise CronError(f"{text!r} never comes", "no month has that day")
        return cron

    def next_after(self, moment: datetime, timezone: str = "UTC") -> datetime:
        """The first time strictly after ``moment`` (aware), in UTC."""
        zone = ZoneInfo(timezone)
        local = moment.astimezone(zone).replace(tzinfo=None)
        day: date | None = local.date()
        while day is not None and (day := self._next_day(day)) is not None:
            for hour in self.hours:
                for minute in self.minutes:
                    found = _in_zone(datetime.combine(day, time(hour, minute)), zone)
                    if found > moment.astimezone(UTC):
                        return found
            day += timedelta(days=1)
        raise CronError(f"{self.text!r} never comes")

    def longest_gap(self, timezone: str = "UTC", *, runs: int = 60) -> timedelta:
        """The longest wait between two of the next ``runs`` times, from a fixed day on."""
        at = self.next_after(datetime(2026, 1, 1, tzinfo=UTC), timezone)
        longest = timedelta()
        for _ in range(runs):
            following = self.next_after(at, timezone)
            longest, at = max(longest, following - at), following
        return longest

    def _next_day(self, start: date) -> date | None:
        for offset in range(_HORIZON_DAYS):
            day = start + timedelta(days=offset)
            if day.month in self.months and self._day_matches(day):
                return day
        return None

    def _day_matches(self, day: date) -> bool:
        in_month = self.days is None or day.day in self.days
        in_week = self.weekdays is None or day.isoweekday() % 7 in self.weekdays
        if self.days is not None and self.weekdays is not None:
            return in_month or in_week
        return in_month and in_week

    def __str__(self) -> str:
        return self.text


def _with_days(cron: Cron, days: frozenset[int]) -> Cron:
    return Cron(cron.text, cron.minutes, cron.hours, days, cron.months, cron.weekdays)


def _in_zone(local: datetime, zone: ZoneInfo) -> datetime:
    found = local.replace(tzinfo=zone).astimezone(UTC)
    skipped = found.astimezone(zone).replace(tzinfo=None) != local
    return found.replace(minute=0) if skipped else found


def _field(text: str, name: str, low: int, high: int, words: dict[str, int]) -> set[int]:
    values: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        if step and (not step.isdigit() or int(step) == 0):
            raise CronError(f"{part!r} is no {name}")
        first, last = _span(span, name, low, high, words)
        if step and "-" not in span and span != "*":
            last = high
        values.update(range(first, last + 1, int(step or 1)))
    return values


def _span(text: str, name: str, low: int, high: int, words: dict[str, int]) -> tuple[int, int]:
    if text == "*":
        return low, high
    first, dash, last = text.partition("-")
    start = _number(first, name, low, high, words)
    end = _number(last, name, low, high, words) if dash else start
    if end < start:
        raise CronError(f"{text!r} runs backwards")
    return start, end


def _number(text: str, name: str, low: int, high: int, words: dict[str, int]) -> int:
    value = words.get(text)
    if value is None and text.isascii() and text.isdigit() and len(text) < 4:
        value = int(text)
    if value is None or not low <= value <= high:
        raise CronError(f"{text!r} is no {name}", f"between {low} and {high}")
    return value
