"""A tiny HTTP server on loopback that answers, cuts or keeps silent as a test says."""

import asyncio
import threading
from collections.abc import Callable

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Release: r1\r\n\r\nok"
CLOSING = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
BROKEN = b"HTTP/1.1 500 Oops\r\nContent-Length: 2\r\nX-Release: r2\r\n\r\nno"
CHUNKS = b"3\r\nabc\r\n2;x=1\r\nde\r\n0\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS
TRUNCATED = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"
NONSENSE = b"SSH-2.0-server\r\n\r\n"
SILENCE = b""
CUT = None


class ScriptedServer:
    """Numbers every request from 1; `answer(number)` gives the bytes to send.

    CUT closes without a byte; a truncated, closing or malformed answer closes after it; SILENCE
    never answers.
    """

    def __init__(self) -> None:
        self.answer: Callable[[int], bytes | None] = lambda number: OK
        self.requests = 0
        self.connections = 0
        self.bodies: list[bytes] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._port = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> "ScriptedServer":
        self._thread.start()
        opening = asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(opening, self._loop).result(5)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self._answer_all(reader, writer)
        except (EOFError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            size = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
            self.bodies.append(await reader.readexactly(int(size or 0)))
            self.requests += 1
            answer = self.answer(self.requests)
            if answer is CUT:
                return
            if answer == SILENCE:
                await reader.read()
                return
            writer.write(answer)
            await writer.drain()
            if answer in (TRUNCATED, CLOSING, NONSENSE) or b"connection: close" in head:
                return
