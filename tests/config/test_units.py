"""Units are read exactly, and nothing a file may hold breaks the loader."""

import string
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from opsbook.clock import format_duration
from opsbook.config import ConfigProblems, load
from opsbook.config.cron import Cron, CronError
from opsbook.config.model.threshold import read_condition
from opsbook.config.units import (
    read_amount,
    read_bytes,
    read_cpu,
    read_duration,
    read_percent,
    read_respond,
)

SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


@given(st.integers(0, 10_000), st.sampled_from(sorted(SECONDS)))
def test_a_duration_is_its_number_times_its_unit(number: int, unit: str) -> None:
    assert read_duration(f"{number}{unit}") == timedelta(seconds=number * SECONDS[unit])


@given(st.integers(1, 59), st.integers(1, 23))
def test_a_duration_reads_what_is_written(minutes: int, hours: int) -> None:
    value = timedelta(hours=hours, minutes=minutes)
    assert read_duration(format_duration(value)) == value


@given(st.integers(0, 10_000))
def test_a_bare_number_is_refused_everywhere(number: int) -> None:
    for read in (read_duration, read_bytes, read_percent):
        with pytest.raises(PydanticCustomError):
            read(number)
        with pytest.raises(PydanticCustomError):
            read(str(number))


@given(st.integers(0, 4000), st.sampled_from(["Ki", "Mi", "Gi", "K", "M", "G"]))
def test_a_size_is_its_number_times_its_unit(number: int, unit: str) -> None:
    base = 1024 if unit.endswith("i") else 1000
    assert read_bytes(f"{number}{unit}") == number * base ** ("KMG".index(unit[0]) + 1)


@given(st.one_of(st.none(), st.booleans(), st.floats(), st.text(), st.integers()))
def test_readers_refuse_and_never_break(value: object) -> None:
    readers = (read_duration, read_bytes, read_percent, read_amount, read_cpu, read_respond)
    for read in (*readers, read_condition):
        try:
            read(value)
        except PydanticCustomError:
            continue


def test_amounts_round_the_safe_way() -> None:
    quarter = read_amount("25%")
    assert quarter.of(5, round_up=True) == 2
    assert quarter.of(5, round_up=False) == 1
    assert read_amount(2).of(5, round_up=True) == 2


def test_a_drop_is_measured_against_before() -> None:
    drop = read_condition("drops by 50%")
    assert drop.holds(40, before=100)
    assert not drop.holds(60, before=100)
    assert not drop.holds(0)


@pytest.mark.parametrize(
    ("text", "timezone", "expected"),
    [
        ("0 2 * * *", "UTC", "2026-03-28T02:00"),
        ("*/15 * * * *", "UTC", "2026-03-27T12:15"),
        ("0 9 * * mon-fri", "UTC", "2026-03-30T09:00"),
        ("0 0 31 * *", "UTC", "2026-03-31T00:00"),
        ("0 4 29 2 *", "UTC", "2028-02-29T04:00"),
        ("0 0 13 * 5", "UTC", "2026-04-03T00:00"),
        ("monthly", "UTC", "2026-04-01T04:00"),
        ("0 2 * * *", "Europe/Berlin", "2026-03-28T01:00"),
    ],
)
def test_a_schedule_comes_when_it_should(text: str, timezone: str, expected: str) -> None:
    friday = datetime(2026, 3, 27, 12, 0, tzinfo=UTC)
    found = Cron.parse(text).next_after(friday, timezone)
    assert found.strftime("%Y-%m-%dT%H:%M") == expected


def test_a_skipped_hour_and_a_doubled_hour_run_once() -> None:
    cron = Cron.parse("30 2 * * *")
    at, runs = datetime(2026, 3, 28, 12, tzinfo=UTC), []
    while at < datetime(2026, 3, 30, 12, tzinfo=UTC):
        at = cron.next_after(at, "Europe/Berlin")
        runs.append(at)
    assert len({run.date() for run in runs}) == len(runs)
    assert runs[0] == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    at = cron.next_after(datetime(2026, 10, 24, 12, tzinfo=UTC), "Europe/Berlin")
    assert cron.next_after(at, "Europe/Berlin") - at > timedelta(hours=23)


@given(st.text(alphabet="0123456789*/,- abcsunmo", max_size=30))
def test_a_schedule_is_read_or_refused(text: str) -> None:
    try:
        cron = Cron.parse(text)
    except CronError:
        return
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert cron.next_after(now) > now


KEYS = st.sampled_from(
    [
        "project",
        "services",
        "api",
        "run",
        "thresholds",
        "cpu",
        "critical",
        "backups",
        "windows",
        "environments",
        "overrides",
        "dependencies",
        "type",
        "url",
        "<<",
        "route",
        "health",
        "notify",
        "on_call",
        "rota",
        "metric",
        "steps",
        "strategies",
        "canary",
        "gates",
        "at",
        "x-mine",
    ]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(alphabet=string.printable, max_size=12),
    st.sampled_from(["5%", "> 5%", "${X}", "0 2 * * *", "shop", "postgres", "/"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=20,
)
QUICK = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def _loads_or_says_why(path: Path) -> None:
    try:
        load(path, environ={})
    except ConfigProblems as error:
        assert error.problems


@QUICK
@given(values=st.dictionaries(KEYS, VALUES, max_size=6))
def test_any_yaml_loads_or_is_explained(tmp_path: Path, values: dict[str, object]) -> None:
    import json

    path = tmp_path / "opsbook.yaml"
    path.write_text(json.dumps({"project": "shop", **values}))
    _loads_or_says_why(path)


@QUICK
@given(content=st.binary(max_size=200))
def test_any_bytes_load_or_are_explained(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "opsbook.yaml"
    path.write_bytes(content)
    _loads_or_says_why(path)


@QUICK
@given(content=st.text(alphabet="ab:- \n\t{}[]&*!|>'\"#%@,<?0.", max_size=80))
def test_any_punctuation_loads_or_is_explained(tmp_path: Path, content: str) -> None:
    path = tmp_path / "opsbook.yaml"
    path.write_text("project: shop\n" + content)
    _loads_or_says_why(path)
