"""Run what refuses to run as root (PostgreSQL) without another account where possible."""

import ctypes
import functools
import os
import pwd
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from opsbook.errors import FailedError
from opsbook.shell import Result, run
from opsbook.supervision.shim import CLONE_NEWUSER, drop_privileges


@functools.cache
def namespaces_allowed() -> bool:
    """Whether this kernel and container let root make a user namespace."""
    pid = os.fork()
    if pid == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        os._exit(0 if libc.unshare(CLONE_NEWUSER) == 0 else 1)
    return os.waitpid(pid, 0)[1] == 0


def fallback_user(owned_paths: Sequence[Path]) -> tuple[int, int] | None:
    """None where a namespace will do; else ``nobody``, who is given ``owned_paths``.

    Raises FailedError when that user could not reach them.
    """
    if namespaces_allowed():
        return None
    entry = pwd.getpwnam("nobody")
    for top in owned_paths:
        for parent in top.absolute().parents:
            if not parent.stat().st_mode & 0o001:
                raise FailedError(
                    f"the user nobody cannot reach {top}: {parent} is closed",
                    hint="run Opsbook as a user other than root, or in a folder others may enter",
                )
        for path in (top, *top.rglob("*")):
            os.chown(path, entry.pw_uid, entry.pw_gid, follow_symlinks=False)
    return entry.pw_uid, entry.pw_gid


def run_unprivileged(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    owned_paths: Sequence[Path] = (),
    timeout_s: float = 60.0,
) -> Result:
    """As :func:`opsbook.shell.run`, but never as root."""
    if os.geteuid() != 0:
        return run(argv, cwd=cwd, env=env, timeout_s=timeout_s)
    nobody = fallback_user(owned_paths)
    prepare: Callable[[], None] = functools.partial(drop_privileges, nobody)
    done = subprocess.run(
        list(argv),
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout_s,
        preexec_fn=prepare,
        check=False,
    )
    return Result(tuple(argv), done.returncode, done.stdout, done.stderr, 0.0)
