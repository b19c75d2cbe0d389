import threading
from datetime import UTC, datetime, timedelta

import pytest

from opsbook.errors import ConflictError
from opsbook.state.database import Database
from opsbook.state.locks import LEASE, Locks

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def locks(tmp_path):
    database = Database.at(tmp_path / "opsbook.db")
    yield Locks(database)
    database.close()


def test_a_held_lock_names_its_holder_and_says_what_to_do(locks):
    locks.acquire("deploy", holder="d-1", reason="deploy v2", now=NOON)
    with pytest.raises(ConflictError, match="d-1") as caught:
        locks.acquire("deploy", holder="d-2", reason="deploy v3", now=NOON)
    assert "opsbook abort" in caught.value.hint


def test_a_dead_holders_lease_runs_out_by_itself(locks):
    old = locks.acquire("deploy", holder="d-1", reason="", now=NOON)
    new = locks.acquire("deploy", holder="d-2", reason="", now=NOON + LEASE)
    assert new.token > old.token


def test_an_old_holder_that_wakes_up_can_change_nothing(locks):
    old = locks.acquire("deploy", holder="d-1", reason="", now=NOON)
    later = NOON + LEASE
    new = locks.acquire("deploy", holder="d-2", reason="", now=later)
    for act in (locks.check, locks.renew):
        with pytest.raises(ConflictError, match="passed to somebody else"):
            act(old, now=later)
    locks.release(old, now=later)
    locks.check(new, now=later)


def test_the_same_holder_takes_its_lock_up_again_with_the_same_token(locks):
    first = locks.acquire("deploy", holder="d-1", reason="", now=NOON)
    again = locks.acquire("deploy", holder="d-1", reason="", now=NOON + timedelta(seconds=5))
    assert again.token == first.token and again.since == first.since


def test_a_renewed_lease_outlives_its_first_end(locks):
    lock = locks.acquire("deploy", holder="d-1", reason="", now=NOON)
    locks.renew(lock, now=NOON + timedelta(seconds=10))
    locks.check(lock, now=NOON + timedelta(seconds=20))


def test_of_many_at_once_exactly_one_gets_it(locks):
    for round_number in range(50):
        won = []

        def take(name, round_number=round_number, won=won):
            try:
                locks.acquire(f"deploy-{round_number}", holder=name, reason="", now=NOON)
                won.append(name)
            except ConflictError:
                pass

        threads = [threading.Thread(target=take, args=(f"d-{n}",)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1
