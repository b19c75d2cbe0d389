"""A strict HTTP/1.1 load client: it never retries, and it counts every request that goes wrong.

    python examples/load/client.py --url http://127.0.0.1:8000 --connections 16 --duration 10 --json

Half of the connections stay open from request to request, the other half open a new one each
time. A request is `lost` when no complete, valid response comes in time, `failed` when the response
is 5xx, else `ok`. A connection that the server closes while no request is under way, or after an
answer that said so, is opened again and costs nothing. After a loss a client rests for 10 ms, so
that a dead server is not drowned in connections. One thread drives all connections through epoll
or kqueue.
"""

import errno
import json
import selectors
import signal
import socket
import sys
import time
from argparse import ArgumentParser, Namespace
from collections import deque
from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path
from urllib.parse import urlsplit

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from load.answer import Answer, MalformedError, Reader
from load.mix import Request, encode, shop_requests
from load.tally import Tally

TICK_S = 0.05
REST_S = 0.01
READ_BYTES = 65536


class _Connection:
    """One client: at most one request under way."""

    __slots__ = ("connecting", "keep", "name", "payload", "reader", "sent_at", "sock")

    def __init__(self, keep: bool) -> None:
        self.keep = keep
        self.sock: socket.socket | None = None
        self.connecting = False
        self.reader = Reader()
        self.name = ""
        self.payload = b""
        self.sent_at = 0.0

    @property
    def kind(self) -> str:
        return "keep-alive" if self.keep else "new"


class StrictLoad:
    """Closed-loop load from `connections` clients, at most `rate` requests per second together.

    `run` returns the summary (see Tally.as_dict); it ends after `duration_s`, after `max_requests`,
    or when `stop` is called from a signal handler or another thread, and lets what is under way
    finish.
    """

    def __init__(
        self,
        url: str,
        connections: int = 16,
        *,
        duration_s: float | None = None,
        max_requests: int | None = None,
        requests: Sequence[Request | tuple[str, str, bytes]] = (),
        rate: float | None = None,
        timeout_s: float = 10.0,
        on_progress: Callable[[dict[str, object]], None] | None = None,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"not an http address: {url}")
        self._address = (parts.hostname, parts.port or 80)
        wanted = [r if isinstance(r, Request) else Request(*r) for r in requests]
        prepared = {
            keep: [(r.name, encode(r, parts.netloc, keep)) for r in wanted or shop_requests()]
            for keep in (True, False)
        }
        # Both kinds of connection go through the whole list on their own.
        self._next = {keep: cycle(mix) for keep, mix in prepared.items()}
        self._clients = [_Connection(keep=n % 2 == 0) for n in range(connections)]
        self._duration_s = float("inf") if duration_s is None else duration_s
        self._left = sys.maxsize if max_requests is None else max_requests
        self._interval_s = 1 / rate if rate else 0.0
        self._timeout_s = timeout_s
        self._on_progress = on_progress
        self._selector = selectors.DefaultSelector()
        self._ready: deque[_Connection] = deque()
        self._resting: deque[tuple[float, _Connection]] = deque()
        self._active: set[_Connection] = set()
        self._started = 0.0
        self._next_send = 0.0
        self._stopping = False
        self.tally = Tally()

    def stop(self) -> None:
        """Send nothing more; `run` returns when the last answer is there or overdue."""
        self._stopping = True

    def run(self) -> dict[str, object]:
        """Put the load on until the end; the summary."""
        self._started = self._next_send = time.perf_counter()
        self._ready.extend(self._clients)
        next_tick, next_progress = self._started, self._started + 1
        try:
            while True:
                now = time.perf_counter()
                if now >= next_tick:
                    self._expire(now)
                    next_tick = now + TICK_S
                if now >= next_progress:
                    self._report(now)
                    next_progress += 1
                if self._stopping or self._left <= 0 or now - self._started >= self._duration_s:
                    self._stopping = True
                    if not self._active:
                        break
                self._send_due(now)
                self._handle(self._pause(now))
        finally:
            self._close_all()
        return self.tally.as_dict(time.perf_counter() - self._started)

    def _pause(self, now: float) -> float:
        if self._resting and not self._ready:
            return REST_S
        if self._ready and not self._stopping:
            return min(TICK_S, max(0.0, self._next_send - now))
        return TICK_S

    def _send_due(self, now: float) -> None:
        while self._resting and self._resting[0][0] <= now:
            self._ready.append(self._resting.popleft()[1])
        while self._ready and not self._stopping and self._left > 0:
            if self._interval_s:
                if self._next_send > now:
                    return
                # After a stall the rate goes on from now; what was missed is not caught up.
                self._next_send = max(self._next_send, now - TICK_S) + self._interval_s
            self._left -= 1
            self._begin(self._ready.popleft())

    def _begin(self, client: _Connection) -> None:
        client.name, client.payload = next(self._next[client.keep])
        client.sent_at = time.perf_counter()
        self.tally.sent += 1
        self._active.add(client)
        if client.sock is None:
            self._connect(client)
        else:
            self._transmit(client)

    def _connect(self, client: _Connection) -> None:
        client.sock = sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = sock.connect_ex(self._address)
        if code not in (0, errno.EINPROGRESS):
            self._lose(client, _reason(code))
            return
        client.connecting = True
        self._selector.register(sock, selectors.EVENT_WRITE, client)

    def _transmit(self, client: _Connection) -> None:
        assert client.sock is not None
        try:
            count = client.sock.send(client.payload)
        except OSError as error:
            self._lose(client, _reason(error.errno))
            return
        if count < len(client.payload):
            # Requests are far smaller than a socket's buffer.
            self._lose(client, "not_sent")

    def _handle(self, pause_s: float) -> None:
        for key, _ in self._selector.select(pause_s):
            client: _Connection = key.data
            if client.sock is None:
                continue
            if client.connecting:
                self._connected(client)
            else:
                self._receive(client)

    def _connected(self, client: _Connection) -> None:
        assert client.sock is not None
        client.connecting = False
        code = client.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._lose(client, _reason(code))
            return
        self._selector.modify(client.sock, selectors.EVENT_READ, client)
        self._transmit(client)

    def _receive(self, client: _Connection) -> None:
        assert client.sock is not None
        try:
            data = client.sock.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._ended(client, _reason(error.errno))
            return
        if not data:
            self._ended(client, "truncated" if client.reader.started else "closed")
            return
        if client not in self._active:
            self._drop(client)
            self.tally.reopened += 1
            return
        try:
            answer = client.reader.feed(data)
        except MalformedError:
            self._lose(client, "malformed")
            return
        if answer is not None:
            self._answered(client, answer)

    def _ended(self, client: _Connection, reason: str) -> None:
        """The connection is gone: harmless between two requests, a loss within one."""
        if client not in self._active:
            self._drop(client)
            self.tally.reopened += 1
            return
        answer = client.reader.end() if reason == "truncated" else None
        if answer is None:
            self._lose(client, reason)
        else:
            self._answered(client, answer)

    def _answered(self, client: _Connection, answer: Answer) -> None:
        now = time.perf_counter()
        times = (now - client.sent_at, now - self._started)
        self.tally.answered(client.name, answer.status, answer.release, times)
        if answer.closes or not client.keep:
            self._drop(client)
            self.tally.reopened += client.keep
        self._active.discard(client)
        self._ready.append(client)

    def _lose(self, client: _Connection, reason: str) -> None:
        now = time.perf_counter()
        self.tally.lose(client.name, reason, now - self._started, client.kind)
        self._drop(client)
        self._active.discard(client)
        self._resting.append((now + REST_S, client))

    def _drop(self, client: _Connection) -> None:
        if client.sock is not None:
            if client.sock in self._selector.get_map():
                self._selector.unregister(client.sock)
            client.sock.close()
        client.sock = None
        client.connecting = False
        client.reader = Reader()

    def _expire(self, now: float) -> None:
        for client in [c for c in self._active if now - c.sent_at > self._timeout_s]:
            self._lose(client, "connect_timeout" if client.connecting else "timeout")

    def _report(self, now: float) -> None:
        if self._on_progress is not None:
            self._on_progress(self.tally.progress(now - self._started))

    def _close_all(self) -> None:
        for client in self._clients:
            self._drop(client)
        self._selector.close()


def _reason(code: int | None) -> str:
    names = {
        errno.ECONNREFUSED: "refused",
        errno.ECONNRESET: "reset",
        errno.EPIPE: "reset",
        errno.ETIMEDOUT: "timeout",
    }
    return names.get(code or 0) or errno.errorcode.get(code or 0, "unknown").lower()


def _arguments() -> Namespace:
    parser = ArgumentParser(description="Strict HTTP load: never retries, counts every loss.")
    parser.add_argument("--url", required=True, help="http://HOST:PORT")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--duration", type=float, help="seconds; without it until SIGTERM")
    parser.add_argument("--requests", type=int, help="stop after this many")
    parser.add_argument("--rate", type=float, help="requests per second, at most")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds per request")
    parser.add_argument(
        "--get", action="append", default=[], metavar="PATH", help="instead of the shop's traffic"
    )
    parser.add_argument("--json", action="store_true", help="the summary as JSON")
    parser.add_argument("--progress", action="store_true", help="a JSON line a second on stderr")
    return parser.parse_args()


def _print_progress(counts: dict[str, object]) -> None:
    print(json.dumps(counts), file=sys.stderr, flush=True)


def main() -> int:
    """Run; 0 when nothing was lost, 1 otherwise."""
    found = _arguments()
    load = StrictLoad(
        found.url,
        found.connections,
        duration_s=found.duration,
        max_requests=found.requests,
        requests=[Request("GET", path) for path in found.get],
        rate=found.rate,
        timeout_s=found.timeout,
        on_progress=_print_progress if found.progress else None,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: load.stop())
    summary = load.run()
    if found.json:
        print(json.dumps(summary), flush=True)
    else:
        for name, value in summary.items():
            print(f"{name:>14}  {value}")
    return 1 if summary["lost"] else 0


if __name__ == "__main__":
    sys.exit(main())
