"""The same strict load against Opsbook, PM2 reload and nginx reload, in one run.

    python bench/deploy.py [--rounds 5] [--seconds 2]

Prints for each: requests sent, requests lost, and how long one change of version took.
PM2 needs node and npm (it is installed into a temporary folder), nginx the program;
what is missing is left out, with the reason.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.realproject import Load, Project, end_leftovers, free_port  # noqa: E402

NODE_APP = """
const http = require('http');
http.createServer((req, res) => { res.writeHead(200, {'content-length': 2}); res.end('ok'); })
  .listen(process.env.PORT, '127.0.0.1', () => { if (process.send) process.send('ready'); });
process.on('SIGINT', () => process.exit(0));
"""
BACKEND = """
import asyncio, os, signal
async def serve(r, w):
    try:
        while await r.readuntil(b"\\r\\n\\r\\n"):
            w.write(b"HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\n\\r\\nok"); await w.drain()
    except (asyncio.IncompleteReadError, ConnectionError): pass
    finally: w.close()
async def main():
    await asyncio.start_server(serve, "127.0.0.1", int(os.environ["PORT"]), backlog=1024)
    await asyncio.Event().wait()
asyncio.run(main())
"""


@dataclass
class Result:
    """What one peer lost, and how long each change took."""

    name: str
    sent: int
    lost: int
    seconds: list[float]

    def row(self) -> str:
        median = statistics.median(self.seconds) if self.seconds else 0.0
        rate = 1e6 * self.lost / self.sent if self.sent else 0.0
        return f"{self.name:<18} {self.sent:>9} {self.lost:>7} {rate:>12.1f} {median:>9.2f} s"


def measure(name: str, url: str, change: Callable[[int], None], rounds: int, gap: float) -> Result:
    """Load ``url`` while ``change`` is done ``rounds`` times."""
    load = Load(url, rate=2000)
    seconds = []
    try:
        time.sleep(gap)
        for number in range(rounds):
            began = time.perf_counter()
            change(number)
            seconds.append(time.perf_counter() - began)
            time.sleep(gap)
        seen = load.stop()
    finally:
        load.close()
    return Result(name, seen["sent"], seen["lost"], seconds)


def opsbook(rounds: int, gap: float) -> Result:
    """Deployments, each followed by a rollback, by the three strategies in turn."""
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder))
        try:
            project.edit("every: 1500ms", "every: 500ms")
            project.edit("watch: 1500ms", "watch: 500ms")
            project.ok("up")
            project.ok("deploy", "-y")
            strategies = ("rolling", "blue-green", "canary")

            def change(number: int) -> None:
                project.mode("good", f"round {number}")
                words = ("deploy", "-y", "--strategy", strategies[number % 3])
                assert project.ok(*words)["outcome"] == "promoted"

            return measure("Opsbook", project.url, change, rounds, gap)
        finally:
            project.close()


def pm2(rounds: int, gap: float) -> Result | str:
    """``pm2 reload`` of two cluster workers, settings as they come."""
    if not (shutil.which("node") and shutil.which("npm")):
        return "node and npm are not installed"
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        install = [
            "npm",
            "install",
            "--silent",
            "--no-fund",
            "--no-audit",
            "--prefix",
            folder,
            "pm2",
        ]
        if subprocess.run(install, capture_output=True, check=False).returncode:
            return "pm2 cannot be installed"
        (base / "app.js").write_text(NODE_APP)
        port = free_port()
        env = {**os.environ, "PM2_HOME": str(base / "home"), "PORT": str(port)}
        program = str(base / "node_modules" / ".bin" / "pm2")

        def call(*words: str) -> None:
            subprocess.run([program, *words], env=env, cwd=base, capture_output=True, check=True)

        try:
            call("start", "app.js", "-i", "2", "--name", "web")
            wait_for(port)
            return measure(
                "PM2 reload",
                f"http://127.0.0.1:{port}",
                lambda _: call("reload", "web", "--update-env"),
                rounds,
                gap,
            )
        finally:
            subprocess.run([program, "kill"], env=env, capture_output=True, check=False)
            end_leftovers(base)


def nginx(rounds: int, gap: float) -> Result | str:
    """Two fleets behind nginx; the upstream is rewritten and ``nginx -s reload`` called."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        return "nginx is not installed"
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        with backends(base, 4) as ports:
            port = free_port()
            file = base / "nginx.conf"
            file.write_text(nginx_text(base, port, ports[:2]))
            words = [program, "-c", str(file), "-p", folder, "-e", str(base / "error.log")]
            subprocess.run(words, check=True)

            def change(number: int) -> None:
                chosen = ports[2:] if number % 2 == 0 else ports[:2]
                file.write_text(nginx_text(base, port, chosen))
                subprocess.run([*words, "-s", "reload"], check=True)

            try:
                wait_for(port)
                return measure("nginx reload", f"http://127.0.0.1:{port}", change, rounds, gap)
            finally:
                subprocess.run([*words, "-s", "stop"], check=False)


def nginx_text(base: Path, port: int, upstream: list[int]) -> str:
    """Keep-alive on both sides, as tuned as its handbook says."""
    servers = "".join(f"server 127.0.0.1:{p};" for p in upstream)
    return f"""
user root; worker_processes 2; pid {base}/pid;
events {{ worker_connections 1024; }}
http {{ access_log off; keepalive_requests 1000000;
  upstream web {{ {servers} keepalive 32; }}
  server {{ listen 127.0.0.1:{port} backlog=1024; location / {{ proxy_pass http://web;
    proxy_http_version 1.1; proxy_set_header Connection ""; }} }} }}
"""


@contextmanager
def backends(base: Path, count: int) -> Iterator[list[int]]:
    """Small servers of our own."""
    ports, running = [], []
    try:
        for _ in range(count):
            ports.append(free_port())
            env = {**os.environ, "PORT": str(ports[-1])}
            running.append(subprocess.Popen([sys.executable, "-c", BACKEND], env=env, cwd=base))
        for port in ports:
            wait_for(port)
        yield ports
    finally:
        for process in running:
            process.send_signal(signal.SIGTERM)
            process.wait()


def wait_for(port: int) -> None:
    """Until somebody listens there."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"nobody listens on {port}")


def main() -> None:
    """Measure all three and print them side by side."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = [peer(given.rounds, given.seconds) for peer in (opsbook, pm2, nginx)]
    if given.json:
        print(json.dumps([r if isinstance(r, str) else vars(r) for r in found]))
        return
    print(f"{'':<18} {'requests':>9} {'lost':>7} {'per million':>12} {'one change':>11}")
    for result in found:
        print(result if isinstance(result, str) else result.row())


if __name__ == "__main__":
    main()
