"""The one path: every command that touches the running system asks the daemon.

A local daemon is started when none runs for this project and environment.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from opsbook import http
from opsbook.cli import options
from opsbook.errors import FailedError, OpsbookError, TransientError, error_from_dict
from opsbook.paths import Paths

_START_DEADLINE_S = 30.0


def get(path: str, **query: str) -> Any:
    """Ask the daemon to read something."""
    return _call("GET", path, query=query)


def post(path: str, body: dict[str, Any] | None = None, *, timeout_s: float = 600.0) -> Any:
    """Ask the daemon to change something.

    The caller's environment goes with it, over a socket only its owner can open: secret
    references are resolved from it, in memory.
    """
    content = {**(body or {}), "environ": dict(os.environ), "actor": actor()}
    return _call("POST", path, body=content, timeout_s=timeout_s)


def stream(path: str, **query: str) -> Iterator[Any]:
    """Follow an endless answer, one JSON value a line."""
    paths = _daemon()
    for raw in http.stream_lines("GET", _url(path, query), unix_socket=paths.socket):
        yield _unwrap(json.loads(raw))


def actor() -> str:
    """Who is calling, for the ledger."""
    return os.environ.get("OPSBOOK_ACTOR") or os.environ.get("USER") or f"uid-{os.getuid()}"


def _call(
    method: str,
    path: str,
    *,
    query: dict[str, str] | None = None,
    body: dict[str, Any] | None = None,
    timeout_s: float = 600.0,
) -> Any:
    paths = _daemon()
    response = http.request(
        method,
        _url(path, query or {}),
        body=None if body is None else json.dumps(body).encode(),
        headers={"content-type": "application/json"},
        timeout_s=timeout_s,
        unix_socket=paths.socket,
    )
    return _unwrap(json.loads(response.body))


def _unwrap(answer: Any) -> Any:
    if isinstance(answer, dict) and set(answer) == {"error"}:
        raise error_from_dict(answer["error"])
    return answer


def _url(path: str, query: dict[str, str]) -> str:
    from urllib.parse import urlencode

    filled = {key: value for key, value in query.items() if value != ""}
    return f"http://opsbook{path}" + (f"?{urlencode(filled)}" if filled else "")


def _daemon() -> Paths:
    paths = locate()
    if not running(paths):
        start(paths)
    return paths


def running(paths: Paths) -> bool:
    """Whether a daemon answers at this project's socket."""
    if not paths.socket.exists():
        return False
    try:
        http.request("GET", "http://opsbook/api/ping", timeout_s=5.0, unix_socket=paths.socket)
    except OpsbookError:
        return False
    return True


def await_end(paths: Paths) -> None:
    """Wait until the daemon has gone."""
    deadline = time.monotonic() + _START_DEADLINE_S
    while running(paths) and time.monotonic() < deadline:
        time.sleep(0.05)


def locate() -> Paths:
    """The state directory of the chosen environment; reads the ops file only when it changed."""
    chosen = options.current()
    file = chosen.config_path
    environment = chosen.environment or _default_environment(file, chosen.state)
    return Paths.of(file.parent, environment, chosen.state)


def _default_environment(file: Path, state: str) -> str:
    base = Path(state).absolute() if state else file.parent / ".opsbook"
    cache = base / "environment.json"
    try:
        facts = file.stat()
        stamp = [facts.st_mtime_ns, facts.st_size, str(file)]
        known = json.loads(cache.read_text())
        if known["stamp"] == stamp:
            return str(known["environment"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    from opsbook.config import load

    environment = load(file).environment
    facts = file.stat()
    base.mkdir(parents=True, exist_ok=True)
    stamp = [facts.st_mtime_ns, facts.st_size, str(file)]
    temporary = cache.with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps({"stamp": stamp, "environment": environment}))
    temporary.replace(cache)
    return environment


def start(paths: Paths) -> None:
    """Start the daemon in the background and wait until it answers.

    Raises the daemon's own error when it cannot start.
    """
    chosen = options.current()
    paths.prepare()
    failure = paths.root / "daemon.error"
    failure.unlink(missing_ok=True)
    argv = [sys.executable, "-m", "opsbook.daemon", "--config", str(chosen.config_path)]
    argv += ["--env", paths.root.name]
    if chosen.state:
        argv += ["--state", chosen.state]
    with paths.daemon_log.open("ab") as log:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=chosen.config_path.parent,
        )
    deadline = time.monotonic() + _START_DEADLINE_S
    while time.monotonic() < deadline:
        if running(paths):
            return
        if process.poll() is not None:
            _raise_failure(failure, paths)
            return
        time.sleep(0.03)
    raise TransientError(
        f"the daemon did not answer within {_START_DEADLINE_S:g} s",
        hint=f"its log is {paths.daemon_log}",
    )


def _raise_failure(failure: Path, paths: Paths) -> None:
    if failure.exists():
        raise error_from_dict(json.loads(failure.read_text()))
    # Another call started the daemon at the same moment: ours gave way to it.
    if running(paths):
        return
    raise FailedError("the daemon ended at once", hint=f"its log is {paths.daemon_log}")
