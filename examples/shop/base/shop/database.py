"""A small pool of PostgreSQL connections."""

import asyncio
import select
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg.rows import dict_row

Row = dict[str, Any]
Connection = psycopg.AsyncConnection[Row]


class PoolTimeoutError(Exception):
    """Every connection was in use for too long."""


class Database:
    """At most `max_size` connections, opened when needed and used again, last in first out."""

    def __init__(self, url: str, max_size: int, *, wait_s: float = 5.0) -> None:
        self._url = url.replace("postgresql+psycopg:", "postgresql:", 1)
        self._wait_s = wait_s
        self._idle: deque[Connection] = deque()
        self._slots = asyncio.Semaphore(max_size)
        self.max_size = max_size
        self.in_use = 0

    @property
    def idle(self) -> int:
        """Open connections that nobody uses."""
        return len(self._idle)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend one connection, in autocommit mode.

        Raises PoolTimeoutError when none becomes free in time, psycopg.Error from the server.
        """
        try:
            async with asyncio.timeout(self._wait_s):
                await self._slots.acquire()
        except TimeoutError as error:
            raise PoolTimeoutError(f"no free connection within {self._wait_s:g} s") from error
        self.in_use += 1
        connection = None
        try:
            connection = await self._open()
            yield connection
        finally:
            self.in_use -= 1
            self._slots.release()
            if connection is not None:
                await self._give_back(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend one connection inside a transaction; all or nothing is written."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    async def fetch(self, query: str, values: Sequence[object] = ()) -> list[Row]:
        """All rows of one statement."""
        async with self.connection() as connection:
            cursor = await connection.execute(query, values)
            return await cursor.fetchall()

    async def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            await self._idle.pop().close()

    async def _open(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if not _hung_up(connection):
                return connection
            await connection.close()
        return await psycopg.AsyncConnection.connect(
            self._url, autocommit=True, connect_timeout=3, prepare_threshold=2, row_factory=dict_row
        )

    async def _give_back(self, connection: Connection) -> None:
        # A connection left inside a transaction or a query (a cancelled request) is not reused.
        status = connection.info.transaction_status
        if connection.closed or status is not psycopg.pq.TransactionStatus.IDLE:
            await connection.close()
        else:
            self._idle.append(connection)


def _hung_up(connection: Connection) -> bool:
    """True when the server closed an idle connection: only then is there something to read."""
    if connection.closed:
        return True
    poller = select.poll()
    poller.register(connection.fileno(), select.POLLIN)
    return bool(poller.poll(0))
