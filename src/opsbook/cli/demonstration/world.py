"""The demo's folder: the shop's repository, its ops file, the outside gateway, the load."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from opsbook.errors import FailedError, NotFoundError
from opsbook.supervision import ProcessSpec, Supervisor

_ROOT = Path(__file__).parents[4]


def examples() -> Path:
    """The examples beside the source. Raises NotFoundError in an installation without them."""
    found = _ROOT / "examples"
    if not (found / "shop" / "versions.py").is_file():
        raise NotFoundError(
            "the demo needs the examples of the source checkout",
            hint="clone the repository and run `make demo` there",
        )
    return found


class World:
    """Everything the demo makes, below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = self._gateway_port = 0
        self._outside = Supervisor(folder / "outside")
        self._load: subprocess.Popen[str] | None = None

    def clear(self) -> None:
        """Take away what an earlier demo left, its processes first."""
        if (self.folder / "opsbook.yaml").is_file():
            self.opsbook("down", "--purge", "-y", check=False)
        self._outside.stop([state.name for state in self._outside.states()], grace_s=2)
        shutil.rmtree(self.folder, ignore_errors=True)

    def prepare(self) -> dict[str, str]:
        """Make repository, ops file, secret and gateway; the commit of each version."""
        source = examples()
        self.port, self._gateway_port = free_port(8080), free_port(8090)
        self.folder.mkdir(parents=True)
        built = subprocess.run(
            [sys.executable, str(source / "shop" / "versions.py"), str(self.folder / "shop")],
            check=True,
            capture_output=True,
            text=True,
        )
        text = (source / "shop" / "opsbook.yaml").read_text()
        text = text.replace("127.0.0.1:8080", f"127.0.0.1:{self.port}")
        text = text.replace("${PAYMENT_URL}", f"http://127.0.0.1:{self._gateway_port}")
        (self.folder / "opsbook.yaml").write_text(text)
        secret = self.folder / "jwt.secret"
        secret.write_text(secrets.token_hex(32))
        secret.chmod(0o600)
        self._outside.start(
            ProcessSpec(
                name="gateway",
                argv=(sys.executable, "-m", "shop.gateway"),
                cwd=source / "shop" / "base",
                env={"PATH": os.environ.get("PATH", os.defpath), "PORT": str(self._gateway_port)},
                labels={"kind": "outside"},
            )
        )
        return dict(line.split() for line in built.stdout.splitlines())

    def opsbook(self, *words: str, check: bool = True) -> dict[str, Any]:
        """Run one command as a person would, with --json; its answer.

        Raises FailedError when ``check`` and the command found an error.
        """
        done = subprocess.run(
            [sys.executable, "-m", "opsbook.cli.main", "--json", "-q", *words],
            cwd=self.folder,
            capture_output=True,
            text=True,
            env={k: v for k, v in os.environ.items() if not k.startswith("OPSBOOK_")},
        )
        try:
            answer: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            answer = {"error": {"message": done.stderr.strip() or "no answer", "hint": ""}}
        if check and "error" in answer:
            problem = answer["error"]
            raise FailedError(
                f"opsbook {' '.join(words)}: {problem['message']}", hint=problem["hint"]
            )
        return answer

    def start_load(self, rate: int) -> None:
        """Start the strict load: it never retries and counts every loss."""
        argv = [sys.executable, str(examples() / "load" / "client.py")]
        argv += ["--url", f"http://127.0.0.1:{self.port}", "--connections", "16"]
        argv += ["--rate", str(rate), "--json"]
        self._load = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)

    def stop_load(self) -> dict[str, Any]:
        """End the load; what it counted."""
        if self._load is None:
            return {}
        self._load.send_signal(signal.SIGTERM)
        out, _ = self._load.communicate(timeout=60)
        self._load = None
        found: dict[str, Any] = json.loads(out)
        return found

    def close(self) -> None:
        """The load must not outlive the demo, whatever happens."""
        if self._load is not None:
            self._load.kill()
            self._load.wait()


def free_port(wanted: int) -> int:
    """The wanted port, else any that is free."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise FailedError("no free port")
