from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsbook.clock import VirtualClock, format_duration, parse_duration
from opsbook.errors import UsageError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("250ms", 0.25), ("30s", 30), ("5m", 300), ("1h30m", 5400), ("7d", 604800), ("1.5h", 5400)],
)
def test_durations_are_read_with_their_units(text, seconds):
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "5 minutes", "m5", "5m3", "-5m", "five"])
def test_a_duration_without_a_unit_is_refused_with_a_hint(text):
    with pytest.raises(UsageError) as caught:
        parse_duration(text)
    assert "30s" in caught.value.hint


@given(st.integers(min_value=1, max_value=10**7))
def test_a_written_duration_reads_back_within_its_second_unit(seconds):
    back = parse_duration(format_duration(timedelta(seconds=seconds))).total_seconds()
    assert abs(back - seconds) <= max(1.0, seconds * 0.05)


def test_a_virtual_clock_moves_only_when_told():
    clock = VirtualClock()
    before = clock.now()
    clock.sleep(90)
    assert clock.now() - before == timedelta(seconds=90)
    assert clock.monotonic() == 90
