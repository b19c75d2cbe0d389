"""What a person does to a running deployment, and what long connections go through."""

import os
import signal
import socket
import threading
import time

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


def wait_until(ask, *, deadline_s=20.0):
    deadline = time.monotonic() + deadline_s
    while time.monotonic() < deadline:
        found = ask()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError("it never came to that")


class Stream:
    """One endless answer through the proxy: when it last said something, and its last word."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._socket.sendall(b"GET /stream HTTP/1.1\r\nhost: x\r\n\r\n")
        self.text = b""
        self.ended_at = None
        self.began = time.monotonic()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        try:
            while piece := self._socket.recv(4096):
                self.text += piece
                if self.text.endswith(b"0\r\n\r\n"):
                    break
        except OSError:
            pass
        self.ended_at = time.monotonic()

    def close(self):
        self._socket.close()
        self._thread.join(5)


def test_streams_survive_the_switch_and_are_closed_politely_after_their_window(project, load):
    project.edit("websocket: 2s", "websocket: 3s")
    project.ok("up")
    project.ok("deploy", "-y")
    streams = [Stream(project.port) for _ in range(10)]
    try:
        wait_until(lambda: all(b"tick" in s.text for s in streams))
        traffic = load()
        project.mode("good", "next")
        began = time.monotonic()
        answer = project.ok("deploy", "-y", "--strategy", "blue-green")
        assert answer["outcome"] == "promoted"
        wait_until(lambda: all(s.ended_at for s in streams))
        for stream in streams:
            lived = stream.ended_at - began
            assert lived > 3.0, "kept for its window after the watch"
            assert stream.text.endswith(b"bye\n\r\n0\r\n\r\n"), "closed by the application itself"
        seen = traffic.stop()
        assert seen["lost"] == 0 and seen["failed"] == 0
    finally:
        for stream in streams:
            stream.close()


def test_pause_holds_before_the_next_step_and_promote_goes_on(project, load):
    project.ok("up")
    project.ok("deploy", "-y")
    load()
    project.mode("good", "paused")
    started = project.ok("deploy", "-y", "--detach")["deployment"]
    project.ok("pause")
    wait_until(lambda: "paused" in project.ok("deployment", "show", started)["status"])
    steps = len(project.ok("deployment", "show", started)["steps"])
    time.sleep(2.5)
    assert len(project.ok("deployment", "show", started)["steps"]) == steps
    project.ok("promote")
    ended = wait_until(lambda: project.ok("deployment", "show", started)["outcome"])
    assert ended == "promoted"


def test_a_release_that_crashes_in_the_watch_goes_back_from_all_of_the_traffic(project, load):
    project.edit("blue-green: {watch: 1s}", "blue-green: {watch: 8s}")
    project.ok("up")
    first = project.ok("deploy", "-y")["release"]
    load()
    project.mode("good", "will crash")
    started = project.ok("deploy", "-y", "--detach", "--strategy", "blue-green")
    wait_until(lambda: any("watch" in s["name"] for s in project.ok("deployment", "show")["steps"]))
    victim = next(i for i in project.ok("status")["instances"] if i["release"] != first)
    os.kill(victim["pid"], signal.SIGKILL)
    ended = wait_until(lambda: project.ok("deployment", "show", started["deployment"])["outcome"])
    shown = project.ok("deployment", "show", started["deployment"])
    assert ended == "rolled_back"
    assert "instance_crashes" in shown["reason"] or "health" in shown["reason"]
    assert project.ok("status")["services"]["web"]["traffic"] == {first: 100.0}


def test_a_killed_instance_comes_back_and_its_crash_is_counted(project, load):
    project.ok("up")
    project.ok("deploy", "-y")
    victim = project.ok("status")["instances"][0]
    project.kill_daemon()
    os.kill(victim["pid"], signal.SIGKILL)
    back = wait_until(
        lambda: next(
            (
                i
                for i in project.ok("status")["instances"]
                if i["name"] == victim["name"] and i["status"] == "running"
            ),
            None,
        )
    )
    assert back["crashes"] == 1 and back["pid"] != victim["pid"]


def test_only_the_kept_releases_stay_on_disk(project):
    project.edit("rollback_on", "releases: {keep: 2}\nrollback_on")
    project.edit("blue-green: {watch: 1s}", "blue-green: {watch: 100ms}")
    project.ok("up")
    for number in range(4):
        project.mode("good", f"number {number}")
        project.ok("deploy", "-y", "--strategy", "blue-green")
    listed = project.ok("release", "list")["releases"]
    assert [r["status"] for r in listed] == ["live", "superseded", "expired", "expired"]
    assert len(list((project.state / "releases" / "trees").iterdir())) == 2
    changes = project.ok("release", "diff", listed[1]["release"], listed[0]["release"])["changes"]
    assert {c["what"] for c in changes} == {"commit"}
    called = project.call("rollback", "--to", listed[3]["release"], "-y")
    assert called.code == 4 and "let go" in called.json["error"]["message"]
