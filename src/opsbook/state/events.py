"""The ledger: every change writes one typed event, and each event seals the one before.

The audit log, an incident's timeline, the console's feed and the notification
outbox are readings of these rows. The hash chain shows any later edit, deletion or
reordering: ``hash = sha256(previous, at, kind, subject, actor, data)``.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from opsbook.state.database import Database, from_text, to_text
from opsbook.state.tables import events

GENESIS = "0" * 64


@dataclass(frozen=True)
class Event:
    """One row of the ledger."""

    id: int
    at: datetime
    kind: str
    subject: str
    actor: str
    data: Mapping[str, Any]
    hash: str

    def as_dict(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "at": to_text(self.at),
            "kind": self.kind,
            "subject": self.subject,
            "actor": self.actor,
            "data": dict(self.data),
        }


@dataclass(frozen=True)
class ChainProblem:
    """The first event whose seal does not fit."""

    event_id: int
    message: str


class Ledger:
    """Append to, and read, the events of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(
        self,
        kind: str,
        *,
        at: datetime,
        subject: str = "",
        actor: str = "",
        data: Mapping[str, Any] | None = None,
    ) -> int:
        """Write one event; returns its id. ``data`` must be JSON and free of secrets."""
        with self._database.begin() as connection:
            return append_in(connection, kind, at=at, subject=subject, actor=actor, data=data or {})

    def read(
        self,
        *,
        after: int = 0,
        kinds: tuple[str, ...] = (),
        subject: str = "",
        limit: int = 500,
    ) -> tuple[Event, ...]:
        """Events in order, oldest first, after the given id. ``kinds`` may end in ``.*``."""
        query = select(events).where(events.c.id > after).order_by(events.c.id).limit(limit)
        if subject:
            query = query.where(events.c.subject == subject)
        with self._database.connect() as connection:
            rows = [_event(row) for row in connection.execute(query)]
        return tuple(row for row in rows if _matches(row.kind, kinds))

    def latest(self, limit: int = 50) -> tuple[Event, ...]:
        """The newest events, oldest first."""
        query = select(events).order_by(events.c.id.desc()).limit(limit)
        with self._database.connect() as connection:
            rows = [_event(row) for row in connection.execute(query)]
        return tuple(reversed(rows))

    def last_id(self) -> int:
        """The newest event's id; 0 when the ledger is empty."""
        query = select(events.c.id).order_by(events.c.id.desc()).limit(1)
        with self._database.connect() as connection:
            return int(connection.execute(query).scalar() or 0)

    def verify(self) -> ChainProblem | None:
        """Check the whole chain; None when every seal fits."""
        previous = GENESIS
        expected_id = None
        for row in self._rows():
            if expected_id is not None and row.id != expected_id:
                return ChainProblem(row.id, f"an event is missing before {row.id}")
            if row.previous != previous:
                return ChainProblem(row.id, "does not follow the event before it")
            body = (row.at, row.kind, row.subject, row.actor, row.data)
            if seal(previous, *body) != row.hash:
                return ChainProblem(row.id, "was changed after it was written")
            previous = row.hash
            expected_id = row.id + 1
        return None

    def _rows(self) -> Iterator[Any]:
        with self._database.connect() as connection:
            yield from connection.execute(select(events).order_by(events.c.id))


def append_in(
    connection: Connection,
    kind: str,
    *,
    at: datetime,
    subject: str = "",
    actor: str = "",
    data: Mapping[str, Any] | None = None,
) -> int:
    """As :meth:`Ledger.append`, inside a transaction that also changes something else."""
    query = select(events.c.hash).order_by(events.c.id.desc()).limit(1)
    previous = connection.execute(query).scalar() or GENESIS
    stamp = to_text(at)
    document = json.dumps(data or {}, sort_keys=True, separators=(",", ":"))
    row = {
        "at": stamp,
        "kind": kind,
        "subject": subject,
        "actor": actor,
        "data": document,
        "previous": previous,
        "hash": seal(previous, stamp, kind, subject, actor, document),
    }
    result = connection.execute(insert(events).values(row))
    key = result.inserted_primary_key
    return int(key[0]) if key else 0


def seal(previous: str, *body: str) -> str:
    """The hash of one event: SHA-256 over length-prefixed fields, so none can move."""
    digest = hashlib.sha256(previous.encode())
    for part in body:
        encoded = part.encode()
        digest.update(f"{len(encoded)}:".encode() + encoded)
    return digest.hexdigest()


def _event(row: Any) -> Event:
    return Event(
        id=row.id,
        at=from_text(row.at),
        kind=row.kind,
        subject=row.subject,
        actor=row.actor,
        data=json.loads(row.data),
        hash=row.hash,
    )


def _matches(kind: str, wanted: tuple[str, ...]) -> bool:
    if not wanted:
        return True
    return any(
        kind.startswith(pattern[:-1]) if pattern.endswith("*") else kind == pattern
        for pattern in wanted
    )
