"""Reading one HTTP/1.1 response (RFC 9112) from bytes as they come."""

from dataclasses import dataclass


class MalformedError(Exception):
    """What came is not an HTTP response."""


@dataclass(frozen=True)
class Answer:
    """The head of one complete response. `closes` means that the connection ends after it."""

    status: int
    release: str
    closes: bool


class Reader:
    """Collects the bytes of one response after the other on one connection."""

    __slots__ = ("_body_end", "_buffer", "_chunked", "_head", "_scan", "_until_eof")

    def __init__(self) -> None:
        self._buffer = b""
        self._reset()

    @property
    def started(self) -> bool:
        """True when part of a response has come."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> Answer | None:
        """The answer when `data` completes it. Raises MalformedError."""
        self._buffer = self._buffer + data if self._buffer else data
        if self._head is None and not self._read_head():
            return None
        if self._until_eof:
            return None
        end = self._find_chunks_end() if self._chunked else self._body_end
        if end < 0 or len(self._buffer) < end:
            return None
        if len(self._buffer) > end:
            raise MalformedError("more bytes than the response holds")
        return self._finish()

    def end(self) -> Answer | None:
        """The server closed: the answer if that completes it."""
        return self._finish() if self._until_eof else None

    def _reset(self) -> None:
        self._head: Answer | None = None
        self._body_end = -1
        self._chunked = False
        self._until_eof = False
        self._scan = 0

    def _finish(self) -> Answer | None:
        head = self._head
        self._buffer = b""
        self._reset()
        return head

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if not self._buffer.startswith(b"HTTP/1."[: len(self._buffer)]):
                raise MalformedError("not an HTTP response")
            return False
        first, _, rest = self._buffer[:end].partition(b"\r\n")
        status = _status(first)
        fields = _fields(rest)
        connection = fields.get(b"connection", b"").lower()
        closes = b"close" in connection or (
            first.startswith(b"HTTP/1.0") and b"keep-alive" not in connection
        )
        self._scan = end + 4
        if status in (204, 304):
            self._body_end = self._scan
        elif b"chunked" in fields.get(b"transfer-encoding", b"").lower():
            self._chunked = True
        elif b"content-length" in fields:
            self._body_end = self._scan + _length(fields[b"content-length"])
        else:
            self._until_eof = closes = True
        release = fields.get(b"x-release", b"").decode("latin-1")
        self._head = Answer(status, release, closes)
        return True

    def _find_chunks_end(self) -> int:
        """Where the last chunk ends; -1 when it has not come. Keeps its place between calls."""
        while True:
            line_end = self._buffer.find(b"\r\n", self._scan)
            if line_end < 0:
                return -1
            try:
                size = int(self._buffer[self._scan : line_end].partition(b";")[0], 16)
            except ValueError as error:
                raise MalformedError("a chunk without a size") from error
            if size == 0:
                return self._trailer_end(line_end)
            chunk_end = line_end + 2 + size
            if len(self._buffer) < chunk_end + 2:
                return -1
            if self._buffer[chunk_end : chunk_end + 2] != b"\r\n":
                raise MalformedError("a chunk longer than its size")
            self._scan = chunk_end + 2

    def _trailer_end(self, line_end: int) -> int:
        if self._buffer[line_end + 2 : line_end + 4] == b"\r\n":
            return line_end + 4
        end = self._buffer.find(b"\r\n\r\n", line_end)
        return end + 4 if end >= 0 else -1


def _status(line: bytes) -> int:
    parts = line.split(b" ", 2)
    if len(parts) < 2 or not parts[0].startswith(b"HTTP/1.") or not parts[1].isdigit():
        raise MalformedError("not an HTTP response")
    return int(parts[1])


def _fields(head: bytes) -> dict[bytes, bytes]:
    fields = {}
    for line in head.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if colon:
            fields[name.lower()] = value.strip()
    return fields


def _length(text: bytes) -> int:
    if not text.isdigit():
        raise MalformedError("Content-Length is not a number")
    return int(text)
