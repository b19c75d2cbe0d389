"""kill -9 of the daemon at any moment of a deployment: one release in the end, nothing lost."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.crash, pytest.mark.timeout(400)]

LONG = os.environ.get("OPSBOOK_LONG") == "1"
KILLS = 200 if LONG else 50
PER_PROJECT = 5


def wait_for_end(project, deployment, *, deadline_s=60.0):
    """Ask until it is over; asking starts the next daemon."""
    deadline = time.monotonic() + deadline_s
    while time.monotonic() < deadline:
        called = project.call("deployment", "show", deployment)
        if called.code == 0 and called.json["outcome"]:
            return called.json
        time.sleep(0.2)
    raise AssertionError(f"{deployment} never ended: {called.out}{called.err}")


def assert_one_release(project):
    """Exactly one release serves, with its declared size, and nothing else runs."""
    status = project.ok("status")
    assert status["services"]["web"]["traffic"] == {status["release"]: 100.0}, status
    releases = {i["release"] for i in status["instances"]}
    assert releases == {status["release"]}, status
    assert len(status["instances"]) == 2, status
    assert all(i["status"] == "running" for i in status["instances"])


@pytest.mark.parametrize("seed", range(KILLS // PER_PROJECT))
def test_random_kills_during_deployments(project, load, seed):
    chance = random.Random(seed)
    project.ok("up")
    project.ok("deploy", "-y")
    project.edit("every: 1500ms", "every: 500ms")
    project.edit("watch: 1500ms", "watch: 500ms")
    traffic = load(150)
    for number in range(PER_PROJECT):
        strategy = chance.choice(("canary", "blue-green", "rolling"))
        project.mode("good", f"{seed}-{number}")
        started = project.ok("deploy", "-y", "--detach", "--strategy", strategy)
        time.sleep(chance.uniform(0, 2.2))
        project.kill_daemon()
        ended = wait_for_end(project, started["deployment"])
        assert ended["outcome"] in ("promoted", "rolled_back", "failed"), ended
        assert_one_release(project)
    seen = traffic.stop()
    assert seen["lost"] == 0, seen
    assert seen["failed"] == 0, seen


DIES_AT = """
import os, signal, sys
from pathlib import Path
from opsbook import app, daemon, durable

step, phase, mark = sys.argv[1], sys.argv[2], Path(sys.argv[3])
original = app.build


def build(config, paths):
    def observe(_flow, name, when):
        if name == step and when == phase and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    return original(config, paths, observer=observe)


app.build = build
sys.exit(daemon.main(sys.argv[4:]))
"""
STEPS = (
    "1-gate",
    "2-build",
    "3-start",
    "4-ready",
    "5-shares",
    "6-analyse",
    "7-shares",
    "8-watch",
    "9-stop",
    "10-retire",
    "finish",
)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("phase", ["before", "after"])
def test_a_kill_at_every_step_ends_in_one_release(project, load, step, phase):
    project.ok("up")
    project.ok("deploy", "-y")
    traffic = load(150)
    time.sleep(0.5)
    project.kill_daemon()
    mark = project.folder / "died"
    words = ["--config", str(project.folder / "opsbook.yaml"), "--env", "development"]
    daemon = subprocess.Popen(
        [sys.executable, "-c", DIES_AT, step, phase, str(mark), *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for_socket(project.state / "daemon.sock", daemon)
        project.mode("good", f"{step} {phase}")
        started = project.ok("deploy", "-y", "--detach")
        daemon.wait(timeout=30)
    finally:
        daemon.kill()
        daemon.wait()
    assert mark.exists(), "the step was reached"
    ended = wait_for_end(project, started["deployment"])
    assert ended["outcome"] == "promoted", ended
    assert_one_release(project)
    seen = traffic.stop()
    assert seen["lost"] == 0 and seen["failed"] == 0, seen


def wait_for_socket(path: Path, daemon) -> None:
    stale = path.stat().st_mtime_ns if path.exists() else 0
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if path.exists() and path.stat().st_mtime_ns != stale:
            return
        assert daemon.poll() is None
        time.sleep(0.02)
    raise AssertionError("the daemon did not come up")
