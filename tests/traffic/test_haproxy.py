"""The real proxy under real load: switching, reloading and dying lose nothing."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from opsbook.clock import SystemClock
from opsbook.errors import ConflictError, FailedError
from opsbook.signals.requests import RequestWindows
from opsbook.supervision import Supervisor
from opsbook.traffic.base import FleetShare, HealthCheck, Pool, Route, Server, Topology
from opsbook.traffic.haproxy import HaproxyRouter
from opsbook.traffic.request_log import RequestLog

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]
CLIENT = Path(__file__).parents[2] / "examples" / "load" / "client.py"


class Backends:
    """Small servers in a thread; each answers with its own name, `/slow` after a second."""

    def __init__(self, *names):
        self._names = names
        self.ports = {}
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._servers = [self._loop.run_until_complete(self._start(name)) for name in self._names]
        self._ready.set()
        self._loop.run_forever()

    async def _start(self, name):
        async def serve(reader, writer):
            try:
                while head := await reader.readuntil(b"\r\n\r\n"):
                    if head.startswith(b"GET /slow"):
                        await asyncio.sleep(1)
                    if b"upgrade:" in head.lower():
                        writer.write(b"HTTP/1.1 101 Go\r\nupgrade: echo\r\n")
                        writer.write(b"connection: upgrade\r\n\r\n")
                        while data := await reader.read(100):
                            writer.write(data)
                            await writer.drain()
                        return
                    body = name.encode()
                    writer.write(
                        b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body
                    )
                    await writer.drain()
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024)
        self.ports[name] = server.sockets[0].getsockname()[1]
        return server

    def share(self, release, percent, *names):
        servers = tuple(Server(n, "127.0.0.1", self.ports[n]) for n in names)
        return FleetShare(release, percent, servers)

    def close(self):
        asyncio.run_coroutine_threadsafe(self._cancel(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    async def _cancel(self):
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def backends():
    made = Backends("a1", "a2", "b1", "b2")
    yield made
    made.close()


@pytest.fixture
def topology():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return Topology(
        listen_port=port,
        routes=(Route("web", "/"),),
        pools=(Pool("web", HealthCheck("/ready", interval_s=0.2)),),
    )


@pytest.fixture
def router(tmp_path, topology):
    made = HaproxyRouter(tmp_path / "t", Supervisor(tmp_path / "p"))
    made.start(topology)
    yield made
    made.stop()


class Load:
    def __init__(self, port, *words):
        self._process = subprocess.Popen(
            [
                sys.executable,
                str(CLIENT),
                "--url",
                f"http://127.0.0.1:{port}",
                "--get",
                "/",
                "--connections",
                "16",
                "--json",
                *words,
            ],
            stdout=subprocess.PIPE,
            text=True,
        )

    def stop(self):
        self._process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self):
        return json.loads(self._process.communicate(timeout=30)[0])


def ask(port, path="/"):
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
        data = b""
        while piece := connection.recv(4096):
            data += piece
    return data.rpartition(b"\r\n\r\n")[2].decode()


def test_fifty_switches_under_load_lose_nothing(router, topology, backends):
    router.set_shares("web", [backends.share("a", 100, "a1", "a2")])
    load = Load(topology.listen_port)
    time.sleep(0.5)
    took = []
    for number in range(50):
        old, new = (("a", "a1", "a2"), ("b", "b1", "b2"))[:: 1 if number % 2 == 0 else -1]
        report = router.set_shares("web", [backends.share(new[0], 100, *new[1:])])
        took.append(report.switch_ms)
        router.forget("web", old[1:])
        time.sleep(0.03)
    seen = load.stop()
    assert seen["lost"] == 0 and seen["failed"] == 0, seen
    assert sorted(took)[47] < 50


def test_shares_are_kept_to_the_percent(router, topology, backends):
    shares = [backends.share("a", 75, "a1", "a2"), backends.share("b", 25, "b1")]
    router.set_shares("web", shares)
    answers = [ask(topology.listen_port) for _ in range(200)]
    assert 45 <= sum(a == "b1" for a in answers) <= 55
    assert [s.percent for s in router.shares("web")] == [75, 25]


def test_requests_and_upgraded_connections_in_flight_survive_the_switch(router, topology, backends):
    router.set_shares("web", [backends.share("a", 100, "a1")])
    answers = []
    slow = threading.Thread(target=lambda: answers.append(ask(topology.listen_port, "/slow")))
    slow.start()
    with socket.create_connection(("127.0.0.1", topology.listen_port), timeout=5) as echo:
        echo.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nupgrade: echo\r\nconnection: upgrade\r\n\r\n")
        assert echo.recv(1000).startswith(b"HTTP/1.1 101")
        time.sleep(0.1)
        router.set_shares("web", [backends.share("b", 100, "b1")])
        assert ask(topology.listen_port) == "b1"
        slow.join(5)
        assert answers == ["a1"]
        echo.sendall(b"still there")
        assert echo.recv(100) == b"still there"
        (old,) = [c for c in router.counters("web") if c.server == "a1"]
        assert old.sessions == 1 and old.weight == 0
        router.forget("web", ["a1"], force=True)
        assert echo.recv(100) == b""


def test_a_reload_under_load_loses_nothing(router, topology, backends):
    router.set_shares("web", [backends.share("a", 100, "a1", "a2")])
    load = Load(topology.listen_port)
    time.sleep(0.5)
    for number in range(3):
        extra = Route("web", f"/extra{number}")
        changed = Topology(
            listen_port=topology.listen_port, routes=(*topology.routes, extra), pools=topology.pools
        )
        router.configure(changed)
        time.sleep(0.4)
    seen = load.stop()
    assert seen["lost"] == 0 and seen["failed"] == 0, seen


def test_after_kill_9_it_is_back_with_the_same_shares(router, topology, backends, tmp_path):
    router.set_shares("web", [backends.share("a", 0, "a1"), backends.share("b", 100, "b1")])
    supervisor = Supervisor(tmp_path / "p")
    master = supervisor.state("proxy").pid
    os.kill(master, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        # The orphaned worker of the old master answers until it notices.
        if supervisor.state("proxy").pid not in (None, master) and router.running():
            break
        time.sleep(0.05)
    time.sleep(0.2)
    assert {ask(topology.listen_port) for _ in range(10)} == {"b1"}
    again = HaproxyRouter(tmp_path / "t", supervisor)
    again.start(topology)
    assert [(s.release, s.percent) for s in again.shares("web")] == [("a", 0), ("b", 100)]


def test_a_refused_configuration_changes_nothing(router, topology, backends, tmp_path):
    router.set_shares("web", [backends.share("a", 100, "a1")])
    before = (tmp_path / "t" / "haproxy.cfg").read_text()
    broken = Topology(
        listen_port=topology.listen_port,
        certificate="nowhere.pem",
        tls_port=topology.listen_port + 1,
        routes=topology.routes,
        pools=topology.pools,
    )
    with pytest.raises(FailedError, match=r"refuses.*nowhere\.pem"):
        router.configure(broken)
    assert (tmp_path / "t" / "haproxy.cfg").read_text() == before
    assert ask(topology.listen_port) == "a1"


def test_a_port_that_is_taken_is_said(tmp_path, topology):
    with socket.socket() as other:
        other.bind(("127.0.0.1", topology.listen_port))
        other.listen()
        made = HaproxyRouter(tmp_path / "t", Supervisor(tmp_path / "p"))
        with pytest.raises(ConflictError, match=str(topology.listen_port)):
            made.start(topology)


def test_a_deep_folder_is_no_obstacle(tmp_path, topology, backends):
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    made = HaproxyRouter(deep / "t", Supervisor(deep / "p"))
    try:
        made.start(topology)
        made.set_shares("web", [backends.share("a", 100, "a1")])
        assert ask(topology.listen_port) == "a1"
    finally:
        made.stop()


def test_every_request_is_counted_and_timed(router, topology, backends, tmp_path):
    windows = RequestWindows(SystemClock())
    log = RequestLog(tmp_path / "t" / "requests.sock", windows.add)
    log.start()
    try:
        router.set_shares("web", [backends.share("a", 100, "a1", "a2")])
        time.sleep(1.5)
        for _ in range(3):
            ask(topology.listen_port, "/slow")
        load = Load(topology.listen_port, "--requests", "2000")
        seen = load.wait()
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            stats = windows.window("web", ["a1", "a2"], since=0)
            if stats.total >= seen["sent"] + 3:
                break
            time.sleep(0.1)
        assert stats.total == seen["sent"] + 3 and stats.failed == 0
        assert stats.quantile_ms(1.0) == pytest.approx(1000, rel=0.05)
    finally:
        log.stop()
