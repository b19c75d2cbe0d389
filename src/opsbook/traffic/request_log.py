"""The proxy's log of finished requests, read from a stream in large pieces.

HAProxy keeps lines in a ring and connects to our socket; while nobody listens it goes
on serving and drops the oldest lines. One line: backend, server, status, microseconds,
method, path.
"""

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from opsbook.traffic.base import RequestSample
from opsbook.traffic.config_text import service_name

Sink = Callable[[list[RequestSample]], None]
_PIECE_BYTES = 262144
_GATHER_S = 0.05


class RequestLog:
    """Listens at ``path`` and hands over what arrives, in batches."""

    def __init__(self, path: Path, sink: Sink) -> None:
        self._path = path
        self._sink = sink
        self._server: socket.socket | None = None
        self._closing = threading.Event()

    def start(self) -> None:
        """Listen; the proxy connects within a second."""
        self._path.unlink(missing_ok=True)
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        _bind(server, self._path)
        server.listen(8)
        self._server = server
        threading.Thread(target=self._accept, args=(server,), daemon=True, name="requests").start()

    def stop(self) -> None:
        """Stop listening."""
        self._closing.set()
        if self._server is not None:
            self._server.close()
        self._path.unlink(missing_ok=True)

    def _accept(self, server: socket.socket) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(
                target=self._read, args=(connection,), daemon=True, name="requests"
            ).start()

    def _read(self, connection: socket.socket) -> None:
        rest = b""
        with connection:
            while not self._closing.is_set():
                try:
                    piece = connection.recv(_PIECE_BYTES)
                except OSError:
                    return
                if not piece:
                    return
                samples, rest = parse(rest + piece)
                if samples:
                    self._sink(samples)
                # Fewer wake-ups: a busy proxy writes line by line.
                self._closing.wait(_GATHER_S)


def parse(data: bytes) -> tuple[list[RequestSample], bytes]:
    """Complete lines as samples, and the incomplete rest. Framing: ``LENGTH SPACE LINE``."""
    samples: list[RequestSample] = []
    position = 0
    while True:
        space = data.find(b" ", position, position + 8)
        if space < 0:
            break
        try:
            end = space + 1 + int(data[position:space])
        except ValueError:
            return samples, b""
        if end > len(data):
            break
        sample = _sample(data[space + 1 : end])
        if sample is not None:
            samples.append(sample)
        position = end
    return samples, data[position:]


def _sample(line: bytes) -> RequestSample | None:
    words = line.split(b" ", 5)
    if len(words) < 5:
        return None
    service = service_name(words[0].decode())
    if not service:
        return None
    try:
        status, duration = int(words[2]), int(words[3])
    except ValueError:
        return None
    route = words[5].strip().decode(errors="replace") if len(words) > 5 else ""
    return RequestSample(service, words[1].decode(), status, duration, route)


def _bind(server: socket.socket, path: Path) -> None:
    if len(os.fsencode(path)) < 100:
        server.bind(str(path))
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        server.bind(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)
