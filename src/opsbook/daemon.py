"""The daemon: one per project and environment. Start, serve, stop.

It may die at any time: instances, proxy and datastores outlive it, and the next one
adopts them and takes up unfinished workflows.
"""

import argparse
import fcntl
import json
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import IO

from opsbook import app, runtime
from opsbook.config import load
from opsbook.errors import ConflictError, OpsbookError
from opsbook.paths import Paths
from opsbook.runtime import Runtime

log = logging.getLogger("opsbook.daemon")


def serve(config_path: Path, *, environment: str = "", state: str = "") -> None:
    """Run until told to stop. Raises ConflictError when another daemon has this project."""
    config = load(config_path, environment=environment or None)
    paths = Paths.of(config_path.parent, config.environment, state)
    paths.prepare()
    with _exclusive(paths):
        built = app.build(config, paths)
        _serve(built)


def _serve(built: Runtime) -> None:
    import uvicorn

    from opsbook.web.app import create

    runtime.use(built)
    app.adopt(built)
    background = app.Background(built)
    built.paths.socket.unlink(missing_ok=True)
    application = create(built)
    server = uvicorn.Server(
        uvicorn.Config(
            application,
            uds=_short(built.paths.socket),
            log_level="warning",
            lifespan="off",
            timeout_graceful_shutdown=2,
            ws="none",
        )
    )
    application.state.end = lambda: setattr(server, "should_exit", True)
    threading.Thread(target=_launch, args=(built,), daemon=True, name="launch").start()
    try:
        # The socket lies in a folder that only its owner may enter.
        server.run()
    finally:
        background.close()


def _launch(built: Runtime) -> None:
    """Take up unfinished work; a failure here is logged, loudly, and the daemon goes on."""
    try:
        built.engine.launch()
    except Exception:
        log.exception("cannot take up unfinished work")


def _short(path: Path) -> str:
    """A name for a socket that fits the kernel's 107 bytes, however deep the project lies."""
    if len(os.fsencode(path)) <= 100:
        return str(path)
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    return f"/proc/self/fd/{folder}/{path.name}"


class _exclusive:  # noqa: N801
    """The kernel frees this lock when the process ends, however it ends."""

    def __init__(self, paths: Paths) -> None:
        self._path = paths.daemon_lock
        self._file: IO[str] | None = None

    def __enter__(self) -> None:
        self._file = self._path.open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            holder = self._file.read().strip() or "another process"
            self._file.close()
            raise ConflictError(
                f"a daemon already runs for this project (pid {holder})",
                hint="use it: every opsbook command finds it by itself",
                subject=str(self._path.parent),
            ) from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()


def main(argv: list[str] | None = None) -> int:
    """``python -m opsbook.daemon``: what the command line starts in the background."""
    parser = argparse.ArgumentParser(prog="opsbook serve")
    parser.add_argument("--config", required=True)
    parser.add_argument("--env", default="")
    parser.add_argument("--state", default="")
    given = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    config_path = Path(given.config).absolute()
    try:
        serve(config_path, environment=given.env, state=given.state)
    except OpsbookError as problem:
        log.error("%s", problem)
        paths = Paths.of(config_path.parent, given.env or "development", given.state)
        if paths.root.is_dir():
            failure = paths.root / "daemon.error"
            failure.write_text(json.dumps(problem.as_dict()))
        return problem.exit_code
    # Workflow threads wait for minutes; they are durable, so nothing is lost by not waiting.
    logging.shutdown()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
