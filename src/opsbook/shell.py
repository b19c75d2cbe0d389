"""Run a command: argv in, typed result out. No shell is involved unless argv names one."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from opsbook.errors import FailedError


@dataclass(frozen=True)
class Result:
    """What a command did. ``out`` and ``err`` are text; undecodable bytes are replaced."""

    argv: tuple[str, ...]
    code: int
    out: str
    err: str
    took_s: float
    timed_out: bool = False

    @property
    def ok(self) -> bool:
        return self.code == 0 and not self.timed_out


def run(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
    input_text: str | None = None,
    merge: bool = False,
) -> Result:
    """Run ``argv`` to its end in a process group of its own.

    On time-out the whole group is ended (TERM, then KILL after 2 s). ``merge`` puts
    standard error into ``out``. Raises FailedError when the command cannot be
    started; a non-zero exit is a value.
    """
    started = time.monotonic()
    try:
        process = subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=None if env is None else dict(env),
            stdin=subprocess.PIPE if input_text is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merge else subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except FileNotFoundError as error:
        missing = str(cwd) if cwd is not None and not cwd.is_dir() else argv[0]
        raise FailedError(
            f"not found: {missing}", hint="check the spelling, and that it is installed"
        ) from error
    except OSError as error:
        raise FailedError(f"cannot run {argv[0]}: {error.strerror}") from error
    timed_out = False
    try:
        out, err = process.communicate(input_text, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        timed_out = True
        end_group(process.pid)
        out, err = process.communicate()
    except BaseException:
        end_group(process.pid)
        process.wait()
        raise
    took = time.monotonic() - started
    return Result(tuple(argv), process.returncode, out, err or "", took, timed_out)


def run_checked(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
    input_text: str | None = None,
) -> Result:
    """As :func:`run`, but a failure raises FailedError with the last lines of output."""
    result = run(argv, cwd=cwd, env=env, timeout_s=timeout_s, input_text=input_text)
    if result.timed_out:
        raise FailedError(f"{argv[0]} did not end within {timeout_s:g} s" if timeout_s else "")
    if result.code != 0:
        tail = (result.err.strip() or result.out.strip()).splitlines()[-5:]
        raise FailedError(f"{argv[0]} exited with {result.code}: " + " | ".join(tail))
    return result


def end_group(pid: int, *, grace_s: float = 2.0) -> None:
    """End a process group: TERM, wait, KILL. A group that is gone is fine."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(pid, number)
        except (ProcessLookupError, PermissionError):
            return
        deadline = time.monotonic() + grace_s
        while number == signal.SIGTERM and time.monotonic() < deadline:
            if not group_alive(pid):
                return
            time.sleep(0.02)


def group_alive(pid: int) -> bool:
    """Whether any process of the group still runs (zombies do not count)."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[2]) == pid and fields[0] not in "ZX":
            return True
    return False
