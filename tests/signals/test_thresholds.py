"""Exact windows on a virtual clock, against a brute-force oracle."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from opsbook.signals.thresholds import Level, Limit, ThresholdState, advance

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TICK = timedelta(seconds=5)


def play(values, limit):
    """Levels after each tick."""
    state, levels = ThresholdState(), []
    for number, value in enumerate(values):
        state = advance(state, limit, value, NOON + number * TICK)
        levels.append(state.level)
    return levels


def oracle(values, limit):
    """The first tick at which the limit was passed at every tick of the whole window."""
    hold = int(limit.hold / TICK)
    for end in range(hold, len(values)):
        span = values[end - hold : end + 1]
        if all(v is not None and v == v and v > limit.value for v in span):
            return end
    return None


@pytest.mark.parametrize("seed", range(500))
def test_it_fires_at_the_first_tick_of_its_window_and_never_early(seed):
    chance = random.Random(seed)
    limit = Limit(">", 5.0, chance.choice((0, 1, 3, 12, 60)) * TICK)
    level, values = 0.0, []
    for _ in range(200):
        if chance.random() < 0.06:
            level = chance.choice((0.0, 4.9, 5.0, 5.1, 9.0))
        values.append(None if chance.random() < 0.01 else level)
    levels = play(values, limit)
    fired = levels.index(Level.FIRING) if Level.FIRING in levels else None
    assert fired == oracle(values, limit)


def test_a_clean_day_fires_nothing():
    chance = random.Random(1)
    state = ThresholdState()
    limit = Limit(">", 5.0, timedelta(minutes=5))
    for tick in range(24 * 720):
        value = chance.gauss(0.5, 0.4) if chance.random() > 0.001 else 30.0
        state = advance(state, limit, value, NOON + tick * TICK)
        assert state.level is not Level.FIRING


@pytest.mark.parametrize("gap", [None, float("nan")])
def test_missing_data_neither_fires_nor_clears(gap):
    limit = Limit(">", 5.0, 2 * TICK)
    assert Level.FIRING not in play([9, 9, gap, 9, 9], limit)
    levels = play([9, 9, 9, gap, gap, 9, 1], limit)
    assert levels[2:6] == [Level.FIRING] * 4 and levels[6] is Level.OK


def test_what_fired_ends_only_below_its_clearing_value():
    limit = Limit(">", 5.0, timedelta(), clear=2.0)
    assert play([9, 4, 3, 2, 9], limit) == [
        Level.FIRING,
        Level.FIRING,
        Level.FIRING,
        Level.OK,
        Level.FIRING,
    ]


def test_a_stored_state_goes_on_where_it_was():
    limit = Limit(">", 5.0, timedelta(minutes=5))
    state = advance(ThresholdState(), limit, 9, NOON)
    later = advance(state, limit, 9, NOON + timedelta(minutes=5))
    assert later.level is Level.FIRING and later.since == NOON


def test_limits_below_work_the_same():
    limit = Limit("<", 80.0, TICK)
    assert play([90, 70, 70], limit)[-1] is Level.FIRING
