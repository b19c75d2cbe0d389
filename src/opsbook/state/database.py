"""The database: one engine, short transactions, numbered forward-only migrations."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DatabaseError, OperationalError

from opsbook.errors import FailedError, TransientError
from opsbook.state.migrations import MIGRATIONS

_BUSY_TIMEOUT_MS = 15_000


class Database:
    """Opsbook's own memory, in SQLite (a file) or PostgreSQL (a URL).

    Raises FailedError when the file is damaged or was written by a newer Opsbook.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = _engine(url)

    @classmethod
    def at(cls, path: Path) -> "Database":
        """Open (or create) the SQLite file at ``path`` and bring it up to date."""
        path.parent.mkdir(parents=True, exist_ok=True)
        database = cls(f"sqlite:///{path}")
        database.migrate()
        return database

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A write transaction: all or nothing, one writer at a time."""
        try:
            with self.engine.begin() as connection:
                if self.engine.dialect.name == "sqlite":
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                yield connection
        except OperationalError as error:
            raise _explain(error, self.url) from error

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A reading connection."""
        try:
            with self.engine.connect() as connection:
                yield connection
        except OperationalError as error:
            raise _explain(error, self.url) from error

    def migrate(self) -> None:
        """Apply the migrations this database has not seen yet, each in its own transaction."""
        try:
            self._migrate()
        except DatabaseError as error:
            raise _explain(error, self.url) from error

    def _migrate(self) -> None:
        with self.begin() as connection:
            connection.execute(
                text("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)")
            )
            found = connection.execute(text("SELECT max(version) FROM schema_version")).scalar()
        version = int(found or 0)
        if version > len(MIGRATIONS):
            raise FailedError(
                f"the state was written by a newer Opsbook (schema {version})",
                hint="install that version again, or start with another --state directory",
            )
        for number, apply in enumerate(MIGRATIONS[version:], start=version + 1):
            with self.begin() as connection:
                apply(connection)
                connection.execute(
                    text("INSERT INTO schema_version (version) VALUES (:v)"), {"v": number}
                )

    def close(self) -> None:
        """Give up all connections."""
        self.engine.dispose()


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": _BUSY_TIMEOUT_MS / 1000})
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # SQLAlchemy begins transactions itself (BEGIN IMMEDIATE above): the driver must not.
    connection.isolation_level = None
    cursor = connection.cursor()
    try:
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")
    finally:
        cursor.close()


def _explain(error: DatabaseError, url: str) -> FailedError | TransientError:
    original = error.orig
    where = url.removeprefix("sqlite:///")
    code = getattr(original, "sqlite_errorcode", None)
    primary = code & 0xFF if isinstance(code, int) else None
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return FailedError(
            f"the state file is damaged: {original}",
            hint="services keep running; put the file aside and run `opsbook up`: "
            "what runs is adopted again",
            subject=where,
        )
    if primary == sqlite3.SQLITE_FULL:
        return FailedError(
            "the disk is full", hint="free some space; nothing was changed", subject=where
        )
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return TransientError("the state file is busy", hint="try again", subject=where)
    return FailedError(f"cannot use the state file: {original}", subject=where)


def to_text(moment: datetime) -> str:
    """A time as stored: UTC, microseconds, sortable as text."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def from_text(stored: str) -> datetime:
    """The time that :func:`to_text` wrote."""
    return datetime.strptime(stored, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
