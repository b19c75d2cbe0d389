"""Holds WebSocket and server-sent-event connections open and says which were cut, when and how.

    python examples/load/longlived.py --url http://127.0.0.1:8000 --websockets 100 --streams 100

A connection is never opened again. It ends as `alive` (still open when the run ended), `closed`
(the server said goodbye: a WebSocket close frame, or the last chunk of a stream), `cut` (it just
broke) or `refused` (it was never open). The WebSocket part follows RFC 6455, for short text
messages.
"""

import asyncio
import base64
import hashlib
import json
import os
import signal
import sys
import time
from argparse import ArgumentParser
from collections import Counter
from dataclasses import dataclass
from urllib.parse import urlsplit

HANDSHAKE_ID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
OPEN_TIMEOUT_S = 10.0
NO_CODE = 1005
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class RefusedError(Exception):
    """The connection did not open."""


@dataclass
class Life:
    """What became of one connection; times in seconds since the start."""

    kind: str
    outcome: str = "refused"
    reason: str = ""
    release: str = ""
    opened_s: float = 0.0
    ended_s: float | None = None
    code: int | None = None
    messages: int = 0

    def as_dict(self) -> dict[str, object]:
        """Ready for JSON."""
        found = dict(vars(self))
        for name in ("opened_s", "ended_s"):
            found[name] = found[name] and round(found[name], 3)
        return found


class LongLived:
    """Opens the connections and keeps them until `duration_s` has passed or `stop` is called."""

    def __init__(
        self, url: str, websockets: int, streams: int, paths: tuple[str, str], duration_s: float
    ) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._paths = {"websocket": paths[0], "stream": paths[1]}
        self._duration_s = duration_s
        self._stopping = asyncio.Event()
        self._started = time.perf_counter()
        kinds = ["websocket"] * websockets + ["stream"] * streams
        self.lives = [Life(kind) for kind in kinds]

    def stop(self) -> None:
        """End the run: what is still open then counts as alive."""
        self._stopping.set()

    async def run(self) -> dict[str, object]:
        """Hold the connections; the summary."""
        tasks = [asyncio.create_task(self._live(life)) for life in self.lives]
        try:
            async with asyncio.timeout(self._duration_s):
                await self._stopping.wait()
        except TimeoutError:
            pass
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return self.summary()

    def summary(self) -> dict[str, object]:
        """Counts by kind and outcome, and every connection that did not live to the end."""
        return {
            "duration_s": round(self._now(), 3),
            "opened": sum(life.outcome != "refused" for life in self.lives),
            "outcomes": {
                kind: dict(Counter(life.outcome for life in self.lives if life.kind == kind))
                for kind in self._paths
            },
            "close_codes": dict(Counter(str(life.code) for life in self.lives if life.code)),
            "messages": sum(life.messages for life in self.lives),
            "ended": [life.as_dict() for life in self.lives if life.outcome != "alive"],
        }

    def progress(self) -> dict[str, object]:
        """How many there are of each outcome now."""
        outcomes = Counter(life.outcome for life in self.lives)
        return {"at_s": round(self._now(), 2), "outcomes": dict(outcomes)}

    def _now(self) -> float:
        return time.perf_counter() - self._started

    async def _live(self, life: Life) -> None:
        writer = None
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                reader, writer = await asyncio.open_connection(self._host, self._port)
                await self._open(life, reader, writer)
            life.outcome, life.opened_s = "alive", self._now()
            listen = _listen_websocket if life.kind == "websocket" else _listen_stream
            await listen(life, reader, writer)
            life.outcome = "closed"
        except (OSError, EOFError, TimeoutError, RefusedError) as error:
            life.outcome = "cut" if life.outcome == "alive" else "refused"
            life.reason = type(error).__name__ if not str(error) else str(error)
        finally:
            if life.outcome != "alive":
                life.ended_s = self._now()
            if writer is not None:
                writer.close()

    async def _open(
        self, life: Life, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {self._paths[life.kind]} HTTP/1.1", f"Host: {self._host}:{self._port}"]
        if life.kind == "websocket":
            lines += ["Connection: Upgrade", "Upgrade: websocket"]
            lines += ["Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}"]
        else:
            lines += ["Accept: text/event-stream"]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *rest = head.split("\r\n")
        fields = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)
        }
        life.release = fields.get("x-release", "")
        status = first.split(" ")[1] if " " in first else ""
        if status != ("101" if life.kind == "websocket" else "200"):
            raise RefusedError(f"answered {status or 'nonsense'}")
        if life.kind == "websocket" and fields.get("sec-websocket-accept") != accept_key(key):
            raise RefusedError("wrong handshake")
        if life.kind == "stream" and fields.get("transfer-encoding", "").lower() != "chunked":
            raise RefusedError("not a chunked stream")


def accept_key(key: str) -> str:
    """What the server has to answer (RFC 6455, section 4.2.2)."""
    return base64.b64encode(hashlib.sha1((key + HANDSHAKE_ID).encode()).digest()).decode()


def client_frame(opcode: int, payload: bytes) -> bytes:
    """A masked frame of at most 125 bytes (RFC 6455, section 5.2)."""
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))
    return bytes([0x80 | opcode, 0x80 | len(payload)]) + mask + masked


async def _listen_websocket(
    life: Life, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    while True:
        first, second = await reader.readexactly(2)
        size = second & 0x7F
        if size == 126:
            size = int.from_bytes(await reader.readexactly(2), "big")
        elif size == 127:
            size = int.from_bytes(await reader.readexactly(8), "big")
        payload = await reader.readexactly(size)
        opcode = first & 0x0F
        if opcode == TEXT:
            life.messages += 1
        elif opcode == PING:
            writer.write(client_frame(PONG, payload[:125]))
        elif opcode == CLOSE:
            life.code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else NO_CODE
            writer.write(client_frame(CLOSE, payload[:2]))
            return


async def _listen_stream(life: Life, reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.partition(b";")[0], 16)
        chunk = await reader.readexactly(size + 2)
        if size == 0:
            return
        life.messages += chunk.count(b"data:")


async def _main() -> dict[str, object]:
    parser = ArgumentParser(description="Holds connections open and says which were cut.")
    parser.add_argument("--url", required=True, help="http://HOST:PORT")
    parser.add_argument("--websockets", type=int, default=10)
    parser.add_argument("--streams", type=int, default=10)
    parser.add_argument("--websocket-path", default="/api/ws")
    parser.add_argument("--stream-path", default="/api/stream")
    parser.add_argument("--duration", type=float, default=float("inf"), help="seconds")
    parser.add_argument("--json", action="store_true", help="the summary as JSON on one line")
    parser.add_argument("--progress", action="store_true", help="a JSON line a second on stderr")
    found = parser.parse_args()
    duration_s = min(found.duration, 7 * 86400.0)
    paths = (found.websocket_path, found.stream_path)
    run = LongLived(found.url, found.websockets, found.streams, paths, duration_s)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, run.stop)
    reporter = asyncio.create_task(_report(run)) if found.progress else None
    summary = await run.run()
    if reporter is not None:
        reporter.cancel()
    print(json.dumps(summary, indent=None if found.json else 2), flush=True)
    return summary


async def _report(run: LongLived) -> None:
    while True:
        await asyncio.sleep(1)
        print(json.dumps(run.progress()), file=sys.stderr, flush=True)


if __name__ == "__main__":
    outcome = asyncio.run(_main())
    sys.exit(1 if outcome["ended"] else 0)
