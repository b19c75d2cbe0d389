from datetime import UTC, datetime, timedelta

import pytest

from opsbook.errors import NotFoundError, UsageError
from opsbook.state.database import Database
from opsbook.state.windows import Windows, new_window

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def windows(tmp_path):
    database = Database.at(tmp_path / "opsbook.db")
    yield Windows(database)
    database.close()


def test_a_freeze_is_open_from_its_start_to_just_before_its_end(windows):
    windows.open(new_window("freeze", "sale", (NOON, NOON + HOUR), "ops"), now=NOON)
    assert windows.freeze(NOON - HOUR) is None
    assert windows.freeze(NOON).reason == "sale"
    assert windows.freeze(NOON + HOUR) is None


def test_an_ended_freeze_is_over_at_once(windows):
    window = windows.open(new_window("freeze", "sale", (NOON, NOON + HOUR), "ops"), now=NOON)
    windows.end(window.id, actor="ops", now=NOON)
    assert windows.freeze(NOON) is None


def test_a_window_in_the_past_and_an_unknown_one_are_refused(windows):
    with pytest.raises(UsageError):
        windows.open(new_window("freeze", "late", (NOON, NOON - HOUR), "ops"), now=NOON)
    with pytest.raises(NotFoundError):
        windows.end("w-none", actor="ops", now=NOON)
