"""The parent of one supervised process. Standard library only; run by path, isolated.

``python -I -S shim.py DIRECTORY``; the specification comes on standard input as JSON, so
that secrets in the environment never touch the disk or a command line. It writes the
log with times and rotation, restarts with back-off, enforces memory, remembers exits,
and says all of it in ``state.json``.
"""

import ctypes
import json
import os
import resource
import select
import signal
import sys
import time

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
CLONE_NEWUSER = 0x10000000
STABLE_S = 10.0
LINE_BYTES = 65536
LIBC = ctypes.CDLL(None, use_errno=True)


def stat_fields(pid):
    """Fields of /proc/PID/stat after the name, or None when the process is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return None


def start_ticks(pid):
    fields = stat_fields(pid)
    return int(fields[19]) if fields else None


def descendants(root):
    """All living processes below ``root``, double forks included: orphans come to the shim."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            fields = stat_fields(name)
            if fields and fields[0] not in "ZX":
                children.setdefault(int(fields[1]), []).append(int(name))
    found, queue = [], [root]
    while queue:
        for child in children.get(queue.pop(), ()):
            found.append(child)
            queue.append(child)
    return found


def memory_of(pids):
    """Resident bytes of these processes together."""
    page, total = os.sysconf("SC_PAGE_SIZE"), 0
    for pid in pids:
        fields = stat_fields(pid)
        if fields:
            total += int(fields[21]) * page
    return total


def stamp():
    now = time.time()
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
    return f"{whole}.{int(now % 1 * 1e6):06d}Z"


class Log:
    """Lines with time and stream, rotated by size; a full disk drops lines and counts them."""

    def __init__(self, path, max_bytes, keep):
        self.path, self.max_bytes, self.keep = path, max_bytes, keep
        self.dropped = 0
        self.parts = {}
        self.file = None
        self.size = 0
        self.open()

    def open(self):
        try:
            self.file = open(self.path, "ab", buffering=0)
            self.size = self.file.tell()
        except OSError:
            self.file = None

    def feed(self, stream, data):
        lines = (self.parts.pop(stream, b"") + data).split(b"\n")
        rest = lines.pop()
        if len(rest) >= LINE_BYTES:
            lines.append(rest)
        elif rest:
            self.parts[stream] = rest
        self.write(stream, lines)

    def flush(self):
        for stream in list(self.parts):
            self.write(stream, [self.parts.pop(stream)])

    def write(self, stream, lines):
        if not lines:
            return
        head = f"{stamp()} {stream} ".encode()
        data = b"".join(head + line.rstrip(b"\r") + b"\n" for line in lines)
        if self.size + len(data) > self.max_bytes and self.size:
            self.rotate()
        try:
            if self.file is None:
                self.open()
            if self.file is None:
                raise OSError
            self.file.write(data)
            self.size += len(data)
        except OSError:
            self.dropped += len(lines)

    def rotate(self):
        try:
            if self.file:
                self.file.close()
            for number in range(self.keep - 1, 0, -1):
                older = f"{self.path}.{number}"
                if os.path.exists(older):
                    os.rename(older, f"{self.path}.{number + 1}")
            os.rename(self.path, f"{self.path}.1")
        except OSError:
            pass
        self.file = None
        self.open()


class Shim:
    """One supervised process from its first start to its end."""

    def __init__(self, directory, spec):
        self.directory, self.spec = directory, spec
        self.log = Log(os.path.join(directory, "log"), spec["log_max_bytes"], spec["log_keep"])
        self.child = None
        self.status = "starting"
        self.crashes = self.in_a_row = 0
        self.exits = []
        self.started_at = None
        self.began = 0.0
        self.stopping_until = 0.0
        self.overran = False
        self.next_start = 0.0
        self.reason = ""
        self.wake_read, self.wake_write = os.pipe()
        os.set_blocking(self.wake_write, False)
        self.pipes = {}
        self.last_memory_check = 0.0

    def save(self):
        state = {
            "name": self.spec["name"],
            "status": self.status,
            "shim": [os.getpid(), start_ticks(os.getpid())],
            "child": [self.child, start_ticks(self.child)] if self.child else None,
            "started_at": self.started_at,
            "crashes": self.crashes,
            "exits": self.exits[-10:],
            "overran": self.overran,
            "dropped_lines": self.log.dropped,
            "labels": self.spec["labels"],
            "reason": self.reason,
        }
        path = os.path.join(self.directory, "state.json")
        try:
            with open(path + ".new", "w", encoding="utf-8") as file:
                json.dump(state, file)
            os.rename(path + ".new", path)
        except OSError:
            pass

    def start_child(self):
        out_read, out_write = os.pipe()
        err_read, err_write = os.pipe()
        pid = os.fork()
        if pid == 0:
            self.become_child(out_write, err_write)
        os.close(out_write)
        os.close(err_write)
        for fd, stream in ((out_read, "O"), (err_read, "E")):
            os.set_blocking(fd, False)
            self.pipes[fd] = stream
        self.child, self.status = pid, "running"
        self.began = time.monotonic()
        self.started_at = stamp()
        self.save()

    def become_child(self, out_write, err_write):
        try:
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            os.setpgid(0, 0)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            null = os.open(os.devnull, os.O_RDONLY)
            os.dup2(null, 0)
            os.dup2(out_write, 1)
            os.dup2(err_write, 2)
            os.closerange(3, 256)
            if self.spec["open_files"]:
                limit = self.spec["open_files"]
                resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
            os.chdir(self.spec["cwd"])
            if self.spec["unprivileged"]:
                drop_privileges(self.spec["nobody"])
                LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            argv, env = self.spec["argv"], self.spec["env"]
            os.execvpe(argv[0], argv, env)
        except BaseException as error:
            os.write(2, f"cannot start {self.spec['argv'][0]}: {error}\n".encode())
        finally:
            os._exit(127)

    def reap(self):
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.child:
                self.ended(status)

    def ended(self, status):
        self.drain_pipes(final=True)
        code = os.waitstatus_to_exitcode(status)
        self.exits.append(
            {
                "at": stamp(),
                "code": code if code >= 0 else None,
                "signal": -code if code < 0 else None,
                "reason": self.reason,
            }
        )
        self.child = None
        if self.stopping_until:
            return
        self.kill_rest()
        self.crashes += 1
        stable = time.monotonic() - self.began >= STABLE_S
        self.in_a_row = 1 if stable else self.in_a_row + 1
        give_up = self.spec["give_up_after"]
        if not self.spec["restart"] or (give_up and self.in_a_row >= give_up):
            self.status = "exited"
        else:
            pause = self.spec["backoff_min_s"] * 2 ** min(self.in_a_row - 1, 16)
            self.next_start = time.monotonic() + min(pause, self.spec["backoff_max_s"])
            self.status = "backoff"
        self.save()
        self.reason = ""

    def stop(self, *_):
        if not self.stopping_until:
            self.stopping_until = time.monotonic() + self.grace()
            self.status = "stopping"
            self.save()
            if self.child:
                number = getattr(signal, "SIG" + self.spec["stop_signal"])
                # The group leader first: a server tells its own workers what to do.
                try:
                    os.kill(self.child, number)
                except ProcessLookupError:
                    pass

    def grace(self):
        try:
            with open(os.path.join(self.directory, "grace"), encoding="ascii") as file:
                return float(file.read())
        except (OSError, ValueError):
            return self.spec["grace_s"]

    def kill_rest(self):
        for pid in descendants(os.getpid()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def drain_pipes(self, final=False):
        ready = list(self.pipes) if final else select.select(list(self.pipes), [], [], 0)[0]
        for fd in ready:
            for _ in range(64 if final else 4):
                try:
                    data = os.read(fd, LINE_BYTES)
                except BlockingIOError:
                    break
                except OSError:
                    data = b""
                if not data:
                    os.close(fd)
                    del self.pipes[fd]
                    break
                self.log.feed(self.stream_of(fd), data)
        if final:
            self.log.flush()

    def stream_of(self, fd):
        return self.pipes[fd]

    def check_memory(self):
        limit = self.spec["memory_bytes"]
        if not limit or not self.child or time.monotonic() - self.last_memory_check < 1:
            return
        self.last_memory_check = time.monotonic()
        used = memory_of([self.child, *descendants(self.child)])
        if used > limit:
            self.reason = f"out of memory: used {used >> 20} MiB of {limit >> 20} MiB"
            self.kill_rest()

    def run(self):
        self.save()
        self.start_child()
        while True:
            fds = [self.wake_read, *self.pipes]
            ready = select.select(fds, [], [], self.pause())[0]
            if self.wake_read in ready:
                os.read(self.wake_read, 512)
            self.drain_pipes()
            self.reap()
            self.check_memory()
            if self.stopping_until:
                if self.finish_stopping():
                    return
            elif self.status == "exited":
                if not self.pipes:
                    self.wait_for_stop()
            elif self.child is None and time.monotonic() >= self.next_start:
                self.start_child()

    def pause(self):
        if self.stopping_until:
            return 0.02
        if self.status == "backoff":
            return max(0.0, min(1.0, self.next_start - time.monotonic()))
        return 1.0 if self.spec["memory_bytes"] else 30.0

    def wait_for_stop(self):
        """Given up: nothing runs any more, so neither need this process."""
        self.save()
        sys.exit(0)

    def finish_stopping(self):
        rest = descendants(os.getpid())
        if rest and time.monotonic() < self.stopping_until:
            return False
        if rest:
            self.overran = self.child is not None
            if self.overran:
                self.reason = "did not stop in its time and was killed"
            self.kill_rest()
            deadline = time.monotonic() + 5
            while descendants(os.getpid()) and time.monotonic() < deadline:
                time.sleep(0.005)
                self.reap()
        self.reap()
        self.drain_pipes(final=True)
        self.status = "exited"
        self.save()
        return True


def drop_privileges(nobody):
    """A user namespace that maps root to a plain user; where that is refused, another user."""
    if os.geteuid() != 0:
        return
    if nobody is None and LIBC.unshare(CLONE_NEWUSER) == 0:
        with open("/proc/self/setgroups", "w", encoding="ascii") as file:
            file.write("deny")
        with open("/proc/self/gid_map", "w", encoding="ascii") as file:
            file.write("1000 0 1")
        with open("/proc/self/uid_map", "w", encoding="ascii") as file:
            file.write("1000 0 1")
        return
    uid, gid = nobody or (65534, 65534)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def main():
    spec = json.load(sys.stdin)
    directory = sys.argv[1]
    if os.fork():
        os._exit(0)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.setsid()
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1)
    shim = Shim(directory, spec)
    signal.set_wakeup_fd(shim.wake_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, shim.stop)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write("0")
    except OSError:
        pass
    shim.run()


if __name__ == "__main__":
    main()
