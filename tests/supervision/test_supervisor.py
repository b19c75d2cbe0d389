"""Processes that outlive whoever started them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from opsbook.errors import FailedError, NotFoundError
from opsbook.supervision import ProcessSpec, Supervisor, run_unprivileged

ENV = {"PATH": os.environ["PATH"]}


@pytest.fixture
def supervisor(tmp_path):
    made = Supervisor(tmp_path / "processes")
    yield made
    made.stop([state.name for state in made.states()], grace_s=0.2)


def spec(script, **changes):
    values = {"name": "one", "argv": ("sh", "-c", script), "cwd": Path("/"), "env": ENV}
    return ProcessSpec(**{**values, "backoff_min_s": 0.05, **changes})


def wait_for(condition, *, deadline_s=10.0):
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.01)


def gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def test_starting_again_finds_the_running_one(supervisor):
    first = supervisor.start(spec("exec sleep 60"))
    assert supervisor.start(spec("exec sleep 60")).pid == first.pid
    assert first.status == "running"


def test_a_secret_of_the_environment_is_neither_on_disk_nor_in_a_command_line(supervisor):
    secret = "s3cr3t-that-must-not-leak"
    state = supervisor.start(spec("exec sleep 60", env={**ENV, "TOKEN": secret}))
    for path in supervisor.directory.rglob("*"):
        assert path.is_dir() or secret not in path.read_text()
    for pid in (state.pid, state.shim_pid):
        assert secret.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_a_crashed_one_comes_back_and_is_counted(supervisor):
    supervisor.start(spec("sleep 0.05; exit 3"))
    wait_for(lambda: supervisor.state("one").crashes >= 3)
    last = supervisor.state("one").exits[-1]
    assert last.code == 3 and last.describe() == "exit code 3"


def test_it_gives_up_when_told_so(supervisor):
    supervisor.start(spec("exit 1", give_up_after=2))
    wait_for(lambda: supervisor.state("one").status == "exited")
    assert supervisor.state("one").crashes == 2


def test_too_much_memory_ends_it_with_the_reason(supervisor):
    hungry = f"exec {sys.executable} -c 'x = bytearray(80 << 20); import time; time.sleep(60)'"
    supervisor.start(spec(hungry, memory_bytes=40 << 20, restart=False))
    wait_for(lambda: supervisor.state("one").exits)
    assert "out of memory" in supervisor.state("one").exits[-1].reason


def test_one_that_ignores_its_signal_is_killed_with_all_it_started(supervisor, tmp_path):
    pids = tmp_path / "pids"
    script = f"trap '' TERM; (setsid sleep 300 & echo $! >> {pids}); while :; do sleep 1; done"
    supervisor.start(spec(script))
    wait_for(lambda: pids.exists() and pids.read_text().strip())
    (report,) = supervisor.stop(["one"], grace_s=0.3)
    assert report.overran and report.took_s < 5
    assert all(gone(int(pid)) for pid in pids.read_text().split())


def test_it_outlives_the_one_who_started_it_and_is_adopted(tmp_path):
    directory = tmp_path / "processes"
    program = f"""
import os, signal
from pathlib import Path
from opsbook.supervision import ProcessSpec, Supervisor
made = Supervisor(Path({str(directory)!r}))
made.start(ProcessSpec("one", ("sleep", "60"), Path("/"), {{"PATH": os.environ["PATH"]}}))
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", program], check=False)
    assert done.returncode == -signal.SIGKILL
    adopted = Supervisor(directory)
    try:
        assert adopted.state("one").status == "running"
    finally:
        adopted.stop(["one"])
    assert adopted.state("one").status == "exited"


def test_without_its_supervisor_the_process_ends_and_is_called_lost(supervisor):
    state = supervisor.start(spec("exec sleep 60"))
    os.kill(state.shim_pid, signal.SIGKILL)
    wait_for(lambda: gone(state.pid))
    assert supervisor.state("one").status == "lost"
    assert supervisor.start(spec("exec sleep 60")).status == "running"


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"name": "one"}', "\0\0"])
def test_a_damaged_state_file_is_a_lost_process_not_a_crash(supervisor, damage):
    supervisor.start(spec("exec sleep 60", name="good"))
    folder = supervisor.directory / "one"
    folder.mkdir()
    (folder / "state.json").write_text(damage)
    assert supervisor.state("one").status == "lost"
    assert supervisor.state("one").reason


def test_a_number_that_was_used_again_is_not_taken_for_ours(supervisor):
    supervisor.start(spec("exec sleep 60", restart=False))
    file = supervisor.directory / "one" / "state.json"
    state = json.loads(file.read_text())
    supervisor.stop(["one"])
    other = subprocess.Popen(["sleep", "60"])
    try:
        state["shim"] = [other.pid, 1]
        state["child"] = [other.pid, 1]
        file.write_text(json.dumps(state))
        assert supervisor.state("one").status == "lost"
        assert supervisor.state("one").pid is None
    finally:
        other.kill()
        other.wait()


def test_no_line_is_lost_when_the_log_rotates(supervisor):
    supervisor.start(
        spec(
            "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done; exec sleep 60",
            log_max_bytes=20_000,
            log_keep=20,
        )
    )
    folder = supervisor.directory / "one"

    def text():
        files = sorted(
            folder.glob("log*"), key=lambda p: -int(p.suffix[1:] or 0) if p.suffix else 1
        )
        return "".join(p.read_text() for p in files)

    wait_for(lambda: "line 2999\n" in text())
    numbers = [int(line.rsplit(" ", 1)[1]) for line in text().splitlines()]
    assert sorted(numbers) == list(range(3000))
    assert len(list(folder.glob("log*"))) > 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"argv": ("no-such-program",)}, "command not found"),
        ({"argv": ()}, "command not found"),
        ({"cwd": Path("/no/such/folder")}, "no such folder"),
    ],
)
def test_what_cannot_be_started_is_said_at_once(supervisor, changes, message):
    with pytest.raises(FailedError, match=message):
        supervisor.start(spec("", **changes))
    with pytest.raises(NotFoundError):
        supervisor.state("one")


def test_root_can_run_what_refuses_root():
    assert run_unprivileged(["id", "-u"], env=ENV, cwd=Path("/")).out.strip() != "0"
