"""Start, adopt, look at and stop supervised processes below one directory."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from opsbook.errors import FailedError, NotFoundError
from opsbook.supervision.base import ProcessExit, ProcessSpec, ProcessState, StopReport

_SHIM = Path(__file__).with_name("shim.py")
_START_DEADLINE_S = 10.0
_KILL_MARGIN_S = 8.0


class Supervisor:
    """All supervised processes of one environment; safe to make again at any time.

    Each process has a folder ``directory/NAME`` with ``state.json`` and ``log``.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def start(self, spec: ProcessSpec) -> ProcessState:
        """Start the process, or find it running. Returns when it has been started.

        Raises FailedError when the command or the folder does not exist.
        """
        current = self._read(spec.name)
        if current is not None and current.alive:
            return current
        _check_startable(spec)
        folder = self._folder(spec.name)
        folder.mkdir(parents=True, exist_ok=True)
        for stale in ("state.json", "grace"):
            (folder / stale).unlink(missing_ok=True)
        _spawn(spec, folder)
        deadline = time.monotonic() + _START_DEADLINE_S
        while time.monotonic() < deadline:
            state = self._read(spec.name)
            if state is not None and state.status not in ("starting", "lost"):
                return state
            time.sleep(0.005)
        raise FailedError(
            f"{spec.name} could not be started", hint="is the disk full?", subject=str(folder)
        )

    def states(self) -> tuple[ProcessState, ...]:
        """Every process this directory knows, by name."""
        if not self.directory.is_dir():
            return ()
        names = sorted(entry.name for entry in self.directory.iterdir() if entry.is_dir())
        return tuple(state for name in names if (state := self._read(name)) is not None)

    def state(self, name: str) -> ProcessState:
        """One process. Raises NotFoundError for an unknown name."""
        found = self._read(name)
        if found is None:
            raise NotFoundError(f"no process {name}")
        return found

    def signal(self, name: str, number: int) -> None:
        """Send a signal to the process itself, not to its shim; a gone one is fine."""
        pid = self.state(name).pid
        if pid is not None:
            _kill(pid, number)

    def signal_stop(self, name: str, *, grace_s: float | None = None) -> None:
        """Tell it to stop and come back at once."""
        state = self._read(name)
        if state is None or not state.alive or state.shim_pid is None:
            return
        if grace_s is not None:
            (self._folder(name) / "grace").write_text(str(grace_s))
        _kill(state.shim_pid, signal.SIGTERM)

    def stop(self, names: Sequence[str], *, grace_s: float | None = None) -> tuple[StopReport, ...]:
        """Tell them all to stop, wait, and report; unknown and ended ones are skipped."""
        began = time.monotonic()
        waiting = [n for n in names if (s := self._read(n)) is not None and s.alive]
        for name in waiting:
            self.signal_stop(name, grace_s=grace_s)
        reports: list[StopReport] = []
        while waiting:
            for name in list(waiting):
                state = self._read(name)
                if state is None or not state.alive:
                    waiting.remove(name)
                    reports.append(_report(name, state, time.monotonic() - began))
            if waiting and time.monotonic() - began > _limit(grace_s):
                self._kill_shims(waiting)
            if waiting:
                time.sleep(0.01)
        return tuple(reports)

    def _kill_shims(self, names: Sequence[str]) -> None:
        for name in names:
            state = self._read(name)
            if state is not None and state.shim_pid is not None:
                _kill(state.shim_pid, signal.SIGKILL)

    def remove(self, name: str, *, keep_log: bool = True) -> None:
        """Forget an ended process; its log stays unless told otherwise."""
        state = self._read(name)
        if state is not None and state.alive:
            return
        folder = self._folder(name)
        if keep_log:
            (folder / "state.json").unlink(missing_ok=True)
        else:
            shutil.rmtree(folder, ignore_errors=True)

    def log_path(self, name: str) -> Path:
        """The newest log file; older ones end in .1, .2 …"""
        return self._folder(name) / "log"

    def tail(self, name: str, lines: int = 5) -> list[str]:
        """The last lines it wrote, without times."""
        try:
            with self.log_path(name).open("rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - 65536))
                text = file.read().decode(errors="replace")
        except OSError:
            return []
        return [line.split(" ", 2)[-1] for line in text.splitlines()[-lines:]]

    def _folder(self, name: str) -> Path:
        return self.directory / name

    def _read(self, name: str) -> ProcessState | None:
        path = self._folder(name) / "state.json"
        try:
            raw = json.loads(path.read_bytes())
            return _state(raw)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return ProcessState(name, "lost", reason="its state file is damaged")


def _state(raw: Mapping[str, Any]) -> ProcessState:
    shim_pid, shim_ticks = raw["shim"]
    status = str(raw["status"])
    shim_alive = _is_same(shim_pid, shim_ticks)
    reason = str(raw.get("reason", ""))
    if not shim_alive and status not in ("exited",):
        status, reason = "lost", "its supervisor was killed"
    child = raw.get("child")
    pid = child[0] if child and _is_same(child[0], child[1]) else None
    started = raw.get("started_at")
    return ProcessState(
        name=str(raw["name"]),
        status=status,
        pid=pid,
        shim_pid=shim_pid if shim_alive else None,
        started_at=_moment(started) if started else None,
        crashes=int(raw["crashes"]),
        exits=tuple(
            ProcessExit(_moment(e["at"]), e["code"], e["signal"], e["reason"]) for e in raw["exits"]
        ),
        overran=bool(raw["overran"]),
        dropped_lines=int(raw["dropped_lines"]),
        labels=dict(raw["labels"]),
        reason=reason,
    )


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def _is_same(pid: int, ticks: int | None) -> bool:
    """Whether ``pid`` still is the process that started at ``ticks``: numbers are reused."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return False
    return fields[0] not in "ZX" and (ticks is None or int(fields[19]) == ticks)


def _check_startable(spec: ProcessSpec) -> None:
    if not spec.cwd.is_dir():
        raise FailedError(f"no such folder: {spec.cwd}", subject=spec.name)
    command = spec.argv[0] if spec.argv else ""
    path = spec.env.get("PATH", os.defpath)
    found = (
        os.access(spec.cwd / command, os.X_OK)
        if "/" in command
        else shutil.which(command, path=path)
    )
    if not found:
        raise FailedError(
            f"command not found: {command or '(none)'}",
            hint="check `run:`, and that the command is installed or built",
            subject=spec.name,
        )


def _spawn(spec: ProcessSpec, folder: Path) -> None:
    nobody = None
    if spec.unprivileged and os.geteuid() == 0:
        from opsbook.supervision.unprivileged import fallback_user

        nobody = fallback_user(spec.owned_paths)
    payload = {
        "name": spec.name,
        "argv": list(spec.argv),
        "cwd": str(spec.cwd),
        "env": dict(spec.env),
        "stop_signal": spec.stop_signal,
        "grace_s": spec.grace_s,
        "restart": spec.restart,
        "backoff_min_s": spec.backoff_min_s,
        "backoff_max_s": spec.backoff_max_s,
        "give_up_after": spec.give_up_after,
        "memory_bytes": spec.memory_bytes,
        "open_files": spec.open_files,
        "log_max_bytes": spec.log_max_bytes,
        "log_keep": spec.log_keep,
        "unprivileged": spec.unprivileged,
        "nobody": nobody,
        "labels": dict(spec.labels),
    }
    starter = subprocess.Popen(
        [sys.executable, "-I", "-S", str(_SHIM), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"PATH": os.environ.get("PATH", os.defpath)},
        start_new_session=True,
    )
    starter.communicate(json.dumps(payload).encode())


def _report(name: str, state: ProcessState | None, took_s: float) -> StopReport:
    exits = state.exits if state else ()
    return StopReport(name, took_s, state.overran if state else False, exits[-1] if exits else None)


def _limit(grace_s: float | None) -> float:
    return (grace_s if grace_s is not None else 3600.0) + _KILL_MARGIN_S


def _kill(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
