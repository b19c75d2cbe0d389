"""A limit on a number, held for a time: exact windows, and no data is its own answer; pure."""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


class Level(StrEnum):
    """Where a threshold stands."""

    OK = "ok"
    PENDING = "pending"
    FIRING = "firing"
    NO_DATA = "no_data"


@dataclass(frozen=True)
class Limit:
    """``op`` and ``value`` that mean trouble, held for ``hold``; ``clear`` ends it.

    Without ``clear`` the trouble ends as soon as the limit is no longer passed.
    """

    op: str
    value: float
    hold: timedelta = timedelta()
    clear: float | None = None

    def passed(self, value: float) -> bool:
        """Whether ``value`` is beyond the limit. NaN never is."""
        return OPERATORS[self.op](value, self.value)

    def cleared(self, value: float) -> bool:
        """Whether ``value`` is well enough to end what fired."""
        if self.clear is None:
            return not self.passed(value)
        return not OPERATORS[self.op](value, self.clear)


@dataclass(frozen=True)
class ThresholdState:
    """Small and frozen, so that it can be stored: a restart forgets nothing."""

    level: Level = Level.OK
    since: datetime | None = None
    value: float | None = None


def advance(
    state: ThresholdState, limit: Limit, value: float | None, now: datetime
) -> ThresholdState:
    """The next state after one reading.

    Fires at the first reading at which the limit has been passed without a break for
    the whole ``hold``. Missing data (None or NaN) neither fires nor clears: what fires
    goes on firing, what is pending starts anew when data is back.
    """
    if value is None or value != value:
        if state.level is Level.FIRING:
            return replace(state, value=None)
        return ThresholdState(Level.NO_DATA, state.since if state.level is Level.NO_DATA else now)
    if state.level is Level.FIRING:
        if limit.cleared(value):
            return ThresholdState(Level.OK, now, value)
        return replace(state, value=value)
    if not limit.passed(value):
        return ThresholdState(Level.OK, state.since if state.level is Level.OK else now, value)
    since = state.since if state.level is Level.PENDING and state.since else now
    if now - since >= limit.hold:
        return ThresholdState(Level.FIRING, since, value)
    return ThresholdState(Level.PENDING, since, value)
