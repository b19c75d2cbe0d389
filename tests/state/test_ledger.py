import random
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from opsbook.errors import FailedError
from opsbook.state.database import Database
from opsbook.state.events import Ledger

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def database(tmp_path):
    opened = Database.at(tmp_path / "opsbook.db")
    yield opened
    opened.close()


def fill(database, count=20):
    ledger = Ledger(database)
    for number in range(count):
        ledger.append(
            "deploy.started" if number % 2 else "scale.started",
            at=NOON + timedelta(seconds=number),
            subject=f"d-{number}",
            actor="ops",
            data={"n": number},
        )
    return ledger


def test_events_come_back_in_order_and_filtered(database):
    ledger = fill(database)
    assert [e.data["n"] for e in ledger.read()] == list(range(20))
    assert {e.kind for e in ledger.read(kinds=("deploy.*",))} == {"deploy.started"}
    assert [e.data["n"] for e in ledger.latest(3)] == [17, 18, 19]
    assert ledger.read(after=18)[0].data == {"n": 18}


def test_an_untouched_ledger_is_intact(database):
    assert fill(database).verify() is None


@pytest.mark.parametrize("seed", range(40))
def test_every_edit_deletion_and_reordering_is_noticed(database, seed):
    ledger = fill(database)
    chance = random.Random(seed)
    victim = chance.randint(1, 19)
    column, value = chance.choice(
        [
            ("data", '{"n": 99}'),
            ("actor", "mallory"),
            ("kind", "x"),
            ("at", "2026"),
            ("subject", ""),
        ]
    )
    statements = [
        f"UPDATE events SET {column} = '{value}' WHERE id = {victim}",
        f"DELETE FROM events WHERE id = {victim}",
        f"UPDATE events SET id = CASE id WHEN {victim} THEN -1 ELSE id END",
    ]
    with database.begin() as connection:
        connection.execute(text(chance.choice(statements)))
    assert ledger.verify() is not None


def test_a_damaged_file_is_one_clear_error(tmp_path):
    file = tmp_path / "opsbook.db"
    file.write_bytes(b"this is no database" * 100)
    with pytest.raises(FailedError, match="damaged") as caught:
        Database.at(file)
    assert "services keep running" in caught.value.hint


def test_a_newer_schema_is_refused(database):
    with database.begin() as connection:
        connection.execute(text("INSERT INTO schema_version VALUES (999)"))
    with pytest.raises(FailedError, match="newer Opsbook"):
        database.migrate()
