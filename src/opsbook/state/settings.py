"""Small named documents: what is live, which ports were chosen."""

import json
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from opsbook.state.database import Database
from opsbook.state.tables import settings


def get(database: Database, name: str) -> Any:
    """The stored JSON value, or None."""
    with database.connect() as connection:
        found = connection.execute(select(settings.c.value).where(settings.c.name == name)).scalar()
    return None if found is None else json.loads(found)


def put(database: Database, name: str, value: Any) -> None:
    """Store a JSON value."""
    with database.begin() as connection:
        put_in(connection, name, value)


def put_in(connection: Connection, name: str, value: Any) -> None:
    """As :func:`put`, inside a transaction that also changes something else."""
    connection.execute(delete(settings).where(settings.c.name == name))
    connection.execute(insert(settings).values(name=name, value=json.dumps(value, sort_keys=True)))
