"""One lock per purpose: a lease with a fencing token.

The holder renews its lease; a dead holder's lease runs out by itself. The token
grows with every new holder, so that a holder which wakes up late can be told from
the present one and can change nothing.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, update

from opsbook.errors import ConflictError
from opsbook.state.database import Database, from_text, to_text
from opsbook.state.tables import locks

LEASE = timedelta(seconds=15)


@dataclass(frozen=True)
class Lock:
    """Who holds what, since when, until when, and why."""

    name: str
    holder: str
    reason: str
    token: int
    since: datetime
    expires: datetime

    def is_free(self, now: datetime) -> bool:
        return now >= self.expires


class Locks:
    """Take, renew, check and release leases."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def acquire(self, name: str, *, holder: str, reason: str, now: datetime) -> Lock:
        """Take the lock, or take it again as the same holder (with the same token).

        Raises ConflictError naming the holder when somebody else has it.
        """
        with self._database.begin() as connection:
            row = connection.execute(select(locks).where(locks.c.name == name)).first()
            current = _lock(row) if row else None
            if current and current.holder != holder and not current.is_free(now):
                raise ConflictError(
                    f"{name} is held by {current.holder} ({current.reason}) "
                    f"since {current.since:%H:%M:%S} UTC",
                    hint="wait for it, or end it with `opsbook abort`; a dead holder's lock "
                    f"frees itself within {LEASE.seconds} s",
                    subject=name,
                )
            same = current is not None and current.holder == holder and not current.is_free(now)
            token = current.token if current and same else (current.token if current else 0) + 1
            lock = Lock(
                name,
                holder,
                reason,
                token,
                current.since if current and same else now,
                now + LEASE,
            )
            values = {
                "holder": holder,
                "reason": reason,
                "token": token,
                "since": to_text(lock.since),
                "expires": to_text(lock.expires),
            }
            if current:
                connection.execute(update(locks).where(locks.c.name == name).values(**values))
            else:
                connection.execute(insert(locks).values(name=name, **values))
        return lock

    def renew(self, lock: Lock, *, now: datetime) -> None:
        """Lengthen the lease. Raises ConflictError when the lock has passed to another."""
        with self._database.begin() as connection:
            result = connection.execute(
                update(locks)
                .where(locks.c.name == lock.name, locks.c.token == lock.token)
                .values(expires=to_text(now + LEASE))
            )
        if result.rowcount != 1:
            raise _lost(lock)

    def check(self, lock: Lock, *, now: datetime) -> None:
        """Fence: raises ConflictError unless this very lease is still the present one."""
        current = self.get(lock.name)
        if current is None or current.token != lock.token or current.is_free(now):
            raise _lost(lock)

    def release(self, lock: Lock, *, now: datetime) -> None:
        """Give the lock back; harmless when it has passed to another."""
        with self._database.begin() as connection:
            connection.execute(
                update(locks)
                .where(locks.c.name == lock.name, locks.c.token == lock.token)
                .values(expires=to_text(now))
            )

    def get(self, name: str) -> Lock | None:
        """The lock as it stands, free or not; None when it was never taken."""
        with self._database.connect() as connection:
            row = connection.execute(select(locks).where(locks.c.name == name)).first()
        return _lock(row) if row else None


def _lock(row: Any) -> Lock:
    return Lock(
        name=row.name,
        holder=row.holder,
        reason=row.reason,
        token=row.token,
        since=from_text(row.since),
        expires=from_text(row.expires),
    )


def _lost(lock: Lock) -> ConflictError:
    return ConflictError(
        f"the lock on {lock.name} has passed to somebody else",
        hint="nothing was changed; start again",
        subject=lock.name,
    )
