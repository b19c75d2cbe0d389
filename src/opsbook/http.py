"""The HTTP client: one request, one answer, never later than asked.

Redirects are not followed and no proxy variable is read. ``SSL_CERT_FILE`` names
further authorities, as for OpenSSL.
"""

import contextlib
import http.client
import io
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, cast
from urllib.parse import SplitResult, unquote, urlsplit

from opsbook.errors import OpsbookError, PermanentError, TransientError, UsageError

MAX_BODY_BYTES = 64 * 1024 * 1024
_CONNECT_S = 10.0
_PIECE_BYTES = 65536
_SOCKET_PATH_BYTES = 107


@dataclass(frozen=True)
class Response:
    """An answer; header names are in lower case, repeated ones joined with a comma."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def text(self) -> str:
        """The body as text; what is not UTF-8 is replaced."""
        return self.body.decode("utf-8", "replace")


def request(
    method: str,
    url: str,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout_s: float = 10.0,
    unix_socket: Path | None = None,
) -> Response:
    """Send one request and read its whole answer within ``timeout_s`` seconds in all.

    Any status is an answer. With ``unix_socket`` the host of ``url`` only fills the
    ``Host`` header; the path may have any length. Credentials in ``url`` become basic
    authentication. Raises TransientError (refused, reset, too late), PermanentError
    (unknown host, bad certificate, not HTTP, more than 64 MiB) or UsageError (bad URL).
    """
    deadline = _Deadline(timeout_s)
    with _exchange(method, url, deadline, unix_socket, (body, headers)) as response:
        pieces: list[bytes] = []
        size = 0
        while piece := response.read(_PIECE_BYTES):
            size += len(piece)
            if size > MAX_BODY_BYTES:
                raise PermanentError("the answer is larger than 64 MiB", subject=_shown(url))
            pieces.append(piece)
        _complete(response)
        return Response(response.status, _headers(response), b"".join(pieces))


def stream_lines(
    method: str,
    url: str,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
    unix_socket: Path | None = None,
) -> Iterator[str]:
    """Yield the answer's lines as they arrive, whatever the status; empty ones are left out.

    ``timeout_s`` is the longest silence; None waits for ever. Raises as :func:`request`.
    """
    deadline = _Deadline(_CONNECT_S)
    with _exchange(method, url, deadline, unix_socket, (body, headers)) as response:
        rest = b""
        while True:
            deadline.restart(timeout_s)
            piece = response.read1(_PIECE_BYTES)
            if not piece:
                break
            *lines, rest = (rest + piece).split(b"\n")
            yield from (line.decode("utf-8", "replace") for line in lines if line.strip())
        _complete(response)
        if rest.strip():
            yield rest.decode("utf-8", "replace")


def connect_unix(path: Path, timeout_s: float | None) -> socket.socket:
    """A connection to a Unix socket, whose path may be longer than the kernel's 107 bytes.

    Raises OSError.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout_s)
        if len(os.fsencode(path)) <= _SOCKET_PATH_BYTES:
            connection.connect(str(path))
        else:
            folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
            try:
                connection.connect(f"/proc/self/fd/{folder}/{path.name}")
            finally:
                os.close(folder)
    except BaseException:
        connection.close()
        raise
    return connection


def connect_tcp(host: str, port: int, timeout_s: float) -> socket.socket:
    """A connection to the first address of ``host`` that takes one, in ``timeout_s`` in all.

    Raises OSError: ``socket.gaierror`` for an unknown host, ``TimeoutError`` when late.
    """
    deadline = _Deadline(timeout_s)
    problem: OSError | None = None
    for family, address in resolve(host, port, timeout_s):
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(deadline.left())
            connection.connect(address)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connection
        except OSError as error:
            connection.close()
            problem = error
    raise problem or OSError(f"{host} has no address")


def resolve(host: str, port: int, timeout_s: float) -> list[tuple[int, Any]]:
    """Socket family and address of every address of ``host``, each once.

    The system's resolver cannot be interrupted: it runs on a thread that is left behind
    when it is late. Raises ``socket.gaierror`` or ``TimeoutError``.
    """
    found: list[tuple[int, Any]] = []
    problems: list[OSError] = []
    name = host.strip("[]")

    def look_up() -> None:
        try:
            for family, *_, address in socket.getaddrinfo(name, port, type=socket.SOCK_STREAM):
                if (family, address) not in found:
                    found.append((family, address))
        except (OSError, UnicodeError) as error:
            unusable = socket.gaierror(socket.EAI_NONAME, "not a host name")
            problems.append(error if isinstance(error, OSError) else unusable)

    if name.replace(".", "").isdigit() or ":" in name:
        look_up()
    else:
        thread = threading.Thread(target=look_up, daemon=True, name="resolve")
        thread.start()
        thread.join(max(0.0, timeout_s))
        if thread.is_alive():
            raise TimeoutError(f"looking up {name} takes too long")
    if problems:
        raise problems[0]
    return found


class _Deadline:
    """A point in time; ``left`` is what a socket may still wait, None for ever."""

    def __init__(self, timeout_s: float | None) -> None:
        self.restart(timeout_s)

    def restart(self, timeout_s: float | None) -> None:
        self.timeout_s = timeout_s
        self._at = None if timeout_s is None else time.monotonic() + timeout_s

    def left(self) -> float | None:
        if self._at is None:
            return None
        left = self._at - time.monotonic()
        if left <= 0:
            raise TimeoutError("too late")
        return left


class _Reader(io.RawIOBase):
    def __init__(self, connection: socket.socket, deadline: _Deadline) -> None:
        self._connection = connection
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._connection.settimeout(self._deadline.left())
        return self._connection.recv_into(buffer)


class _Socket:
    """What ``http.client`` needs of a socket, each wait bounded by one common deadline.

    It leaves the socket open: the answer is read after ``http.client`` has closed its end.
    """

    def __init__(self, connection: socket.socket, deadline: _Deadline) -> None:
        self._connection = connection
        self._deadline = deadline

    def sendall(self, data: Any) -> None:
        self._connection.settimeout(self._deadline.left())
        self._connection.sendall(data)

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self._connection, self._deadline), _PIECE_BYTES)

    def close(self) -> None:
        pass


@contextlib.contextmanager
def _exchange(
    method: str,
    url: str,
    deadline: _Deadline,
    unix_socket: Path | None,
    content: tuple[bytes | None, Mapping[str, str] | None],
) -> Iterator[http.client.HTTPResponse]:
    """Send the request, hand out the answer, close; every failure becomes one of ours."""
    parts = _split(url)
    body, headers = content
    connection: socket.socket | None = None
    try:
        connection = _connect(parts, deadline, unix_socket)
        client = http.client.HTTPConnection(parts.netloc.rpartition("@")[2] or "localhost")
        client.sock = cast(Any, _Socket(connection, deadline))
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        sent = {"connection": "close", "accept": "*/*", "user-agent": "opsbook"}
        sent |= _authorization(parts) | {k.lower(): v for k, v in (headers or {}).items()}
        client.request(method, target, body=body, headers=sent)
        with client.getresponse() as response:
            yield response
    except (OSError, http.client.HTTPException, ValueError) as error:
        _fail(error, _shown(url, unix_socket), deadline)
    finally:
        if connection is not None:
            connection.close()


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(f"{_shown(url)!r} is not an address", hint="write https://host/path")
    return parts


def _connect(parts: SplitResult, deadline: _Deadline, unix_socket: Path | None) -> socket.socket:
    if unix_socket is not None:
        return connect_unix(unix_socket, deadline.left())
    secure = parts.scheme == "https"
    host = parts.hostname or ""
    plain = connect_tcp(host, parts.port or (443 if secure else 80), deadline.left() or 0.0)
    if not secure:
        return plain
    try:
        plain.settimeout(deadline.left())
        return ssl.create_default_context().wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise


def _authorization(parts: SplitResult) -> dict[str, str]:
    if parts.username is None:
        return {}
    from base64 import b64encode

    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"authorization": "Basic " + b64encode(pair.encode()).decode()}


def _complete(response: http.client.HTTPResponse) -> None:
    """``http.client`` takes a body shorter than announced for a whole one."""
    if response.length:
        raise http.client.IncompleteRead(b"", response.length)


def _headers(response: http.client.HTTPResponse) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in response.getheaders():
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


def _shown(url: str, unix_socket: Path | None = None) -> str:
    """The address without credentials, query and fragment, which may hold secrets."""
    if unix_socket is not None:
        return str(unix_socket)
    head, mark, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    shown = f"{head}{mark}{place.rpartition('@')[2]}{slash}{path}" if mark else url
    return shown.partition("?")[0].partition("#")[0]


def _fail(error: Exception, subject: str, deadline: _Deadline) -> NoReturn:
    raise _translate(error, subject, deadline.timeout_s) from error


_REASONS: tuple[tuple[type[Exception], str, str], ...] = (
    (ConnectionRefusedError, "connection refused", "check that it runs and listens there"),
    (FileNotFoundError, "nothing listens there", "check that it runs"),
    (http.client.RemoteDisconnected, "closed the connection without an answer", ""),
    (ConnectionError, "the connection broke", ""),
    (http.client.IncompleteRead, "the answer broke off", ""),
)


def _translate(error: Exception, subject: str, timeout_s: float | None) -> OpsbookError:
    if isinstance(error, TimeoutError):
        late = "" if timeout_s is None else f" within {timeout_s:g} s"
        return TransientError(f"no answer{late}", subject=subject)
    for known, message, hint in _REASONS:
        if isinstance(error, known):
            return TransientError(message, hint=hint, subject=subject)
    if isinstance(error, OSError):
        return _translate_connecting(error, subject)
    if isinstance(error, (ValueError, http.client.InvalidURL)):
        return UsageError(f"not a valid request: {error}", subject=subject)
    return PermanentError("the answer is not HTTP", subject=subject)


def _translate_connecting(error: OSError, subject: str) -> OpsbookError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return PermanentError(
            f"the certificate is not trusted: {error.verify_message}",
            hint="renew it, or name its authority in SSL_CERT_FILE",
            subject=subject,
        )
    if isinstance(error, ssl.SSLError):
        return PermanentError(f"TLS failed: {error.reason or error}", subject=subject)
    if isinstance(error, socket.gaierror):
        passing = error.errno == socket.EAI_AGAIN
        kind = TransientError if passing else PermanentError
        return kind("the host is not known", hint="check its name and the DNS", subject=subject)
    return TransientError(f"cannot connect: {error.strerror or error}", subject=subject)
