"""A small real project with its own daemon, proxy and load; everything ends with the test."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SERVER = """
import asyncio, os, signal, sys
from pathlib import Path

MODE = Path(__file__).with_name("mode").read_text().strip()
if MODE == "exit":
    sys.exit("cannot start: no settings")
count = 0


streams = set()
stopping = asyncio.Event()


async def stream(writer):
    writer.write(b"HTTP/1.1 200 OK\\r\\ntransfer-encoding: chunked\\r\\n\\r\\n")
    while not stopping.is_set():
        writer.write(b"5\\r\\ntick\\n\\r\\n")
        await writer.drain()
        await asyncio.sleep(0.05)
    writer.write(b"4\\r\\nbye\\n\\r\\n0\\r\\n\\r\\n")
    await writer.drain()


async def serve(reader, writer):
    global count
    try:
        while head := await reader.readuntil(b"\\r\\n\\r\\n"):
            length = 0
            for line in head.split(b"\\r\\n"):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            if length:
                await reader.readexactly(length)
            path = head.split(b" ", 2)[1]
            count += 1
            ready = path.startswith(b"/ready")
            if path == b"/stream":
                streams.add(asyncio.current_task())
                await stream(writer)
                return
            bad = (MODE == "bad" and not ready and count % 10 == 0) or (MODE == "unready" and ready)
            if MODE == "slow" and not ready:
                await asyncio.sleep(0.2)
            status = b"500 Broken" if bad else b"200 OK"
            body = os.environ["OPSBOOK_RELEASE"].encode()
            head = b"HTTP/1.1 " + status + b"\\r\\ncontent-length: %d\\r\\n\\r\\n" % len(body)
            writer.write(head + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(os.environ["PORT"]), backlog=1024)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    print("ready", flush=True)
    await stopping.wait()
    server.close()
    if streams:
        await asyncio.wait(streams, timeout=2)
    await asyncio.sleep(0.05)


asyncio.run(main())
"""
OPS = """
project: mini
traffic: {listen: "127.0.0.1:PORT", drain: {requests: 2s, websocket: 2s}, ports: 21000-24999}
services:
  web:
    source: code
    run: python server.py
    route: /
    instances: 2
    health: {live: /ready, ready: /ready, start_timeout: 4s}
    drain: 3s
strategy: canary
strategies:
  canary:
    steps: [20%, 100%]
    every: 1500ms
    watch: 1500ms
    deadline: 20s
    analysis: {min_requests: 20}
  blue-green: {watch: 1s}
  rolling: {watch: 1s, surge: 1, unavailable: 0}
thresholds:
  error_rate: {critical: "> 5%", for: 1s, over: 3s, min_requests: 20}
  health: {critical: failing, for: 2s}
  instance_crashes: {critical: "> 0"}
rollback_on: [error_rate, health, instance_crashes]
"""


class Project:
    """A project folder and the commands a person would type in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.code = folder / "code"
        self.code.mkdir(parents=True)
        self.mode("good")
        (folder / "opsbook.yaml").write_text(OPS.replace("PORT", str(self.port)))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def state(self) -> Path:
        return self.folder / ".opsbook" / "development"

    def mode(self, mode: str, note: str = "") -> None:
        """Change the code: the next deployment is another release."""
        (self.code / "mode").write_text(mode)
        (self.code / "server.py").write_text(SERVER + f"# {note}\n")

    def edit(self, old: str, new: str) -> None:
        """Change the ops file."""
        file = self.folder / "opsbook.yaml"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    def call(self, *words: str, timeout_s: float = 60) -> "Called":
        done = subprocess.run(
            [sys.executable, "-m", "opsbook.cli.main", "--json", *words],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            env={k: v for k, v in os.environ.items() if not k.startswith("OPSBOOK_")},
        )
        return Called(done.returncode, done.stdout, done.stderr)

    def ok(self, *words: str) -> Any:
        called = self.call(*words)
        assert called.code == 0, called.out + called.err
        return called.json

    def daemon_pid(self) -> int:
        return int((self.state / "daemon.lock").read_text())

    def kill_daemon(self) -> None:
        """kill -9, and wait until it is gone."""
        pid = self.daemon_pid()
        os.kill(pid, signal.SIGKILL)
        while Path(f"/proc/{pid}").exists() and "Z" not in stat_of(pid):
            time.sleep(0.005)

    def close(self) -> None:
        self.call("down", "-y")
        end_leftovers(self.folder)


class Called:
    """What a command answered."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def stat_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def end_leftovers(folder: Path) -> None:
    """Whatever still runs below a test's folder, by its id."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes() + bytes((entry / "cwd").readlink())
        except OSError:
            continue
        if os.fsencode(str(folder)) in words and int(entry.name) != os.getpid():
            try:
                os.kill(int(entry.name), signal.SIGKILL)
            except ProcessLookupError:
                pass


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Load:
    """The strict load client beside a test."""

    def __init__(self, url: str, *, rate: int = 300) -> None:
        client = ROOT / "examples" / "load" / "client.py"
        words = ["--connections", "12", "--get", "/", "--rate", str(rate), "--json", "--progress"]
        self._process = subprocess.Popen(
            [sys.executable, str(client), "--url", url, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.sent = 0
        self._reader = threading.Thread(target=self._follow, daemon=True)
        self._reader.start()

    def _follow(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if line.startswith("{"):
                self.sent = int(json.loads(line)["sent"])

    def stop(self) -> dict[str, Any]:
        self._process.send_signal(signal.SIGTERM)
        assert self._process.stdout is not None
        found: dict[str, Any] = json.loads(self._process.stdout.read())
        self._process.wait(30)
        self._reader.join(5)
        return found

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
