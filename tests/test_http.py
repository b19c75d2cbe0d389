import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from opsbook import http
from opsbook.errors import PermanentError, TransientError, UsageError

Handler = Callable[[socket.socket], None]


@contextmanager
def serving(handler: Handler, path: Path | None = None) -> Iterator[int]:
    """A socket server on loopback (or a Unix socket) that hands each connection to ``handler``."""
    if path is None:
        server = socket.create_server(("127.0.0.1", 0))
    else:
        server = socket.socket(socket.AF_UNIX)
        short = Path("/proc/self/fd") / str(_folder(path.parent)) / path.name
        server.bind(str(short))
        server.listen()
    over = threading.Event()

    def one(connection: socket.socket) -> None:
        with connection:
            try:
                handler(connection)
            except OSError:
                pass
            over.wait(5) if handler is silent else None

    def accept() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield 0 if path else server.getsockname()[1]
    finally:
        over.set()
        server.shutdown(socket.SHUT_RDWR)
        server.close()


def _folder(path: Path) -> int:
    import os

    return os.open(path, os.O_PATH)


def read_head(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(4096)
        if not piece:
            break
        data += piece
    return data


def silent(connection: socket.socket) -> None:
    read_head(connection)


def answering(answer: bytes) -> Handler:
    def handle(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(answer)

    return handle


def dripping(connection: socket.socket) -> None:
    read_head(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
    while True:
        connection.sendall(b"x")
        time.sleep(0.02)


def dripping_head(connection: socket.socket) -> None:
    read_head(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"x")
        time.sleep(0.02)


def test_an_answer_comes_with_status_headers_and_body() -> None:
    seen: list[bytes] = []

    def handle(connection: socket.socket) -> None:
        seen.append(read_head(connection))
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 2\r\n\r\nhi")

    with serving(handle) as port:
        answer = http.request("GET", f"http://me:p%40ss@127.0.0.1:{port}/a?b=c")
    assert (answer.status, answer.headers["location"], answer.text) == (302, "/x", "hi")
    assert seen[0].startswith(b"GET /a?b=c HTTP/1.1\r\n")
    assert b"authorization: Basic bWU6cEBzcw==" in seen[0]


def test_a_body_is_sent() -> None:
    got: list[bytes] = []

    def handle(connection: socket.socket) -> None:
        head = read_head(connection)
        body = head.partition(b"\r\n\r\n")[2]
        while len(body) < 11:
            body += connection.recv(4096)
        got.append(body)
        connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    with serving(handle) as port:
        url = f"http://127.0.0.1:{port}/"
        assert http.request("POST", url, body=b'{"a": true}').status == 204
    assert got == [b'{"a": true}']


@pytest.mark.parametrize("handler", [silent, dripping, dripping_head])
def test_a_hanging_server_never_costs_more_than_the_time_out(handler: Handler) -> None:
    with serving(handler) as port:
        started = time.monotonic()
        with pytest.raises(TransientError, match=r"no answer within 0.3 s"):
            http.request("GET", f"http://127.0.0.1:{port}/", timeout_s=0.3)
        assert time.monotonic() - started < 0.5


def test_a_cut_answer_is_an_error_not_a_short_body() -> None:
    with (
        serving(answering(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc")) as port,
        pytest.raises(TransientError, match="broke off"),
    ):
        http.request("GET", f"http://127.0.0.1:{port}/")


def test_what_is_not_http_is_said_so() -> None:
    with (
        serving(answering(b"220 mail.example ESMTP\r\n")) as port,
        pytest.raises(PermanentError, match="not HTTP"),
    ):
        http.request("GET", f"http://127.0.0.1:{port}/")


def test_a_closed_port_is_refused_and_the_message_hides_credentials() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(TransientError, match="refused") as caught:
        http.request("GET", f"http://me:hidden@127.0.0.1:{port}/x?token=hidden")
    assert "hidden" not in str(caught.value)
    assert caught.value.subject == f"http://127.0.0.1:{port}/x"


@pytest.mark.parametrize("url", ["shop.example", "ftp://x/", "http://", "http://h:99999/"])
def test_a_wrong_address_is_a_usage_error(url: str) -> None:
    with pytest.raises(UsageError):
        http.request("GET", url)


def test_a_unix_socket_path_may_be_longer_than_the_kernel_allows(tmp_path: Path) -> None:
    folder = tmp_path / ("d" * 120)
    folder.mkdir()
    with serving(answering(b"HTTP/1.1 200 OK\r\n\r\nok"), folder / "s.sock"):
        answer = http.request("GET", "http://opsbook/x", unix_socket=folder / "s.sock")
    assert answer.text == "ok"
    with pytest.raises(TransientError):
        http.request("GET", "http://opsbook/x", unix_socket=folder / "other.sock")


def test_lines_arrive_one_by_one_as_they_are_written() -> None:
    go_on = threading.Event()

    def handle(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        connection.sendall(b'9\r\n{"n": 1}\n\r\n')
        go_on.wait(5)
        connection.sendall(b'a\r\n\n{"n": 2}\n\r\n4\r\n"end\r\n1\r\n"\r\n0\r\n\r\n')

    with serving(handle) as port:
        lines = http.stream_lines("GET", f"http://127.0.0.1:{port}/")
        assert json.loads(next(lines)) == {"n": 1}
        go_on.set()
        assert [json.loads(line) for line in lines] == [{"n": 2}, "end"]


def test_a_stream_that_falls_silent_ends_with_an_error_when_asked_to() -> None:
    def handle(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\none\n")
        time.sleep(1)

    with serving(handle) as port:
        lines = http.stream_lines("GET", f"http://127.0.0.1:{port}/", timeout_s=0.2)
        assert next(lines) == "one"
        with pytest.raises(TransientError):
            next(lines)
