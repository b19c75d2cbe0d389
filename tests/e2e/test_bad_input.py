"""Bad input gives one clear error with a hint and the documented exit code; what runs goes on."""

import socket
import subprocess
import sys
import time

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


def error_of(called):
    assert called.err.count("error:") == 1, called.err
    assert "Traceback" not in called.err
    return called.json["error"]


@pytest.fixture
def live(project):
    """A project whose first release serves."""
    project.ok("up")
    project.release = project.ok("deploy", "-y")["release"]
    return project


def still_serves(project):
    status = project.ok("status")
    assert status["release"] == project.release
    assert len(status["instances"]) == 2
    assert all(i["status"] == "running" for i in status["instances"])


def test_problems_of_the_ops_file_come_all_at_once_and_stop_nothing(live):
    good = (live.folder / "opsbook.yaml").read_text()
    live.edit("    instances: 2", "    instnces: 2\n    drain: 30")
    called = live.call("deploy", "-y")
    assert called.code == 3
    text = error_of(called)["message"]
    assert "instances" in text and "drain" in text, "both problems, with the nearest known key"
    (live.folder / "opsbook.yaml").write_text(good)
    still_serves(live)


def test_a_revision_that_does_not_exist(live):
    called = live.call("deploy", "v99", "-y")
    assert called.code == 4 and error_of(called)["hint"]
    still_serves(live)


def test_a_build_that_fails_shows_its_last_words(live):
    live.edit(
        "    run: python server.py",
        '    build: ["echo compiler says no; exit 3"]\n    run: python server.py',
    )
    live.mode("good", "built")
    called = live.call("deploy", "-y")
    assert called.code == 1 and called.json["outcome"] == "failed"
    assert "compiler says no" in called.json["reason"]
    still_serves(live)


def test_a_command_that_is_not_found(live):
    live.edit("run: python server.py", "run: pythn server.py")
    called = live.call("deploy", "-y")
    assert called.code == 1 and "command not found: pythn" in called.json["reason"]
    still_serves(live)


def test_a_port_that_is_taken_is_named(project):
    with socket.socket() as other:
        other.bind(("127.0.0.1", project.port))
        other.listen()
        called = project.call("up")
    assert called.code == 5 and str(project.port) in error_of(called)["message"]
    assert "traffic.listen" in error_of(called)["hint"]
    project.ok("up")


def test_a_dead_dependency_is_refused_before_anything_moves(live):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    live.edit(
        "strategy: canary\n",
        f"dependencies:\n  mail: {{type: tcp, address: '127.0.0.1:{port}'}}\nstrategy: canary\n",
    )
    live.mode("good", "with mail")
    called = live.call("deploy", "-y")
    assert called.code == 6 and "dependency mail" in error_of(called)["message"]
    still_serves(live)


def test_a_secret_that_is_missing_or_too_short_is_never_shown(live):
    live.edit("    drain: 3s", "    secrets: {TOKEN: {file: token, min_length: 20}}\n    drain: 3s")
    called = live.call("deploy", "-y")
    assert called.code in (3, 6) and "TOKEN" in error_of(called)["message"]
    (live.folder / "token").write_text("tooshortsecret")
    called = live.call("deploy", "-y")
    assert called.code in (3, 6)
    assert "tooshortsecret" not in called.out + called.err
    still_serves(live)


def test_a_second_deployment_and_a_second_daemon_are_refused(live):
    live.edit("every: 1500ms", "every: 8s")
    live.mode("good", "long")
    live.ok("deploy", "-y", "--detach")
    called = live.call("deploy", "-y")
    assert called.code == 5 and "under way" in error_of(called)["message"]
    done = subprocess.run(
        [sys.executable, "-m", "opsbook.cli.main", "serve"],
        cwd=live.folder,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 5 and "already runs" in done.stderr
    live.ok("abort")
    deadline = time.monotonic() + 20
    while live.ok("status")["deployment"] and time.monotonic() < deadline:
        time.sleep(0.1)
    still_serves(live)


def test_a_damaged_state_file_is_said_and_stops_nothing(live):
    pids = {i["pid"] for i in live.ok("status")["instances"]}
    live.kill_daemon()
    for suffix in ("-wal", "-shm"):
        (live.state / f"opsbook.db{suffix}").unlink(missing_ok=True)
    file = live.state / "opsbook.db"
    good = file.read_bytes()
    file.write_bytes(b"\0" * 100 + good[100:4096] + b"junk" * 1000)
    called = live.call("status")
    assert called.code == 1 and "damaged" in error_of(called)["message"]
    for pid in pids:
        assert "Z" not in (live.state.joinpath("/proc", str(pid), "stat")).read_text()[:40]
    file.unlink()
    assert live.call("status").code == 0


def test_a_certificate_that_is_missing_leaves_the_proxy_as_it_is(live):
    live.edit("traffic: {", "traffic: {tls: {listen: '127.0.0.1:0', certificate: nowhere.pem}, ")
    called = live.call("up")
    assert called.code in (1, 3), called.out
    assert "nowhere.pem" in called.err or "traffic" in called.err
    text = (live.folder / "opsbook.yaml").read_text()
    (live.folder / "opsbook.yaml").write_text(
        text.replace("tls: {listen: '127.0.0.1:0', certificate: nowhere.pem}, ", "")
    )
    still_serves(live)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("deploy", "--no-such-option"), 2),
        (("scale", "web"), 2),
        (("scale", "nothing=2", "-y"), 4),
        (("rollback", "-y"), 4),
        (("rollback", "--to", "r99", "-y"), 4),
        (("release", "show", "r99"), 4),
        (("deployment", "show", "d-none"), 4),
        (("promote",), 5),
        (("logs", "--grep", "("), 2),
        (("logs", "--since", "yesterday"), 2),
        (("exec", "web"), 2),
        (("restart", "--instance", "web-x-1", "-y"), 4),
        (("maintenance", "end", "w-none"), 4),
        (("deploy",), 2),
    ],
)
def test_usage_and_unknown_names(shared_live, words, code):
    called = shared_live.call(*words)
    assert called.code == code, called.out + called.err
    error_of(called)
