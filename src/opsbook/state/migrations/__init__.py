"""Numbered, forward only: position in :data:`MIGRATIONS` is the schema's version.

A migration that has been released is never edited. The first creates the tables as
they are in ``tables.py``; a later one changes them and is written out in SQL.
"""

from collections.abc import Callable

from sqlalchemy import Connection

from opsbook.state.tables import metadata


def _create_tables(connection: Connection) -> None:
    metadata.create_all(connection)


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (_create_tables,)
