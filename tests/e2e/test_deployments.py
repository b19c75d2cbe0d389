"""Deployments of a small real service under strict load: nothing is ever lost."""

import time

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(150)]


def test_good_releases_go_live_by_every_strategy_and_nothing_is_lost(project, load):
    project.ok("up")
    project.ok("deploy", "-y")
    traffic = load()
    for number, strategy in enumerate(("canary", "blue-green", "rolling")):
        project.mode("good", f"release {number}")
        answer = project.ok("deploy", "-y", "--strategy", strategy)
        assert answer["outcome"] == "promoted", answer
        assert answer["switch_ms"] < 50
        back = project.ok("rollback", "-y")
        assert back["outcome"] == "promoted"
    seen = traffic.stop()
    assert seen["lost"] == 0, seen
    assert seen["failed"] == 0 and seen["sent"] > 1000
    status = project.ok("status")
    assert len(status["instances"]) == 2, "nothing is left behind"


def test_a_release_that_fails_requests_is_rolled_back_by_its_threshold(project, load):
    project.ok("up")
    first = project.ok("deploy", "-y")["release"]
    traffic = load()
    time.sleep(1)
    project.mode("bad")
    called = project.call("deploy", "-y")
    answer = called.json
    assert called.code == 1
    assert answer["outcome"] == "rolled_back"
    assert "error_rate" in answer["reason"] or "requests failed" in answer["reason"]
    seen = traffic.stop()
    assert seen["lost"] == 0
    status = project.ok("status")
    assert status["release"] == first
    assert status["services"]["web"]["traffic"] == {first: 100.0}
    assert len(status["instances"]) == 2


@pytest.mark.parametrize(
    ("mode", "reason"), [("unready", "was not ready within 4 s"), ("exit", "exit code 1")]
)
def test_a_release_that_does_not_come_up_gets_no_traffic(project, load, mode, reason):
    project.ok("up")
    first = project.ok("deploy", "-y")["release"]
    traffic = load()
    project.mode(mode)
    called = project.call("deploy", "-y")
    assert called.code == 1 and called.json["outcome"] == "failed"
    assert reason in called.json["reason"]
    seen = traffic.stop()
    assert seen["lost"] == 0 and seen["failed"] == 0
    status = project.ok("status")
    assert status["release"] == first and len(status["instances"]) == 2


def test_without_traffic_a_canary_holds_and_promote_lets_it_go_on(project):
    project.ok("up")
    project.ok("deploy", "-y")
    project.mode("good", "another")
    started = project.ok("deploy", "-y", "--detach")
    time.sleep(3.5)
    running = project.ok("deployment", "show", started["deployment"])
    assert running["outcome"] == ""
    assert "no data" in running["status"] or "not enough traffic" in running["status"]
    project.ok("promote")
    deadline = time.monotonic() + 20
    while not project.ok("deployment", "show")["outcome"] and time.monotonic() < deadline:
        time.sleep(0.2)
    assert project.ok("deployment", "show")["outcome"] == "promoted"


def test_abort_and_rollback_during_a_deployment_send_traffic_back_at_once(project, load):
    project.ok("up")
    first = project.ok("deploy", "-y")["release"]
    traffic = load()
    project.edit("every: 1500ms", "every: 15s")
    for word in ("abort", "rollback"):
        project.mode("good", word)
        started = project.ok("deploy", "-y", "--detach")
        time.sleep(2)
        if word == "abort":
            project.ok("abort")
            deadline = time.monotonic() + 15
            while not project.ok("deployment", "show")["outcome"] and time.monotonic() < deadline:
                time.sleep(0.1)
        else:
            project.call("rollback", "-y")
        ended = project.ok("deployment", "show", started["deployment"])
        assert ended["outcome"] == "aborted", ended
        assert project.ok("status")["release"] == first
    seen = traffic.stop()
    assert seen["lost"] == 0 and seen["failed"] == 0


def test_scale_and_restart_lose_nothing(project, load):
    project.ok("up")
    project.ok("deploy", "-y")
    traffic = load()
    project.ok("scale", "web=4", "-y")
    assert len(project.ok("status")["instances"]) == 4
    before = {i["pid"] for i in project.ok("status")["instances"]}
    project.ok("restart", "-y")
    after = {i["pid"] for i in project.ok("status")["instances"]}
    assert len(after) == 4 and not before & after
    project.ok("scale", "web=1", "-y")
    assert len(project.ok("status")["instances"]) == 1
    seen = traffic.stop()
    assert seen["lost"] == 0 and seen["failed"] == 0


def test_a_freeze_an_open_item_and_a_stale_plan_are_refused(project):
    project.ok("up")
    project.ok("maintenance", "freeze", "--reason", "the sale", "-y")
    called = project.call("deploy", "-y")
    assert called.code == 6 and "the sale" in called.json["error"]["message"]
    window = project.ok("maintenance", "list")["windows"][0]["window"]
    project.ok("maintenance", "end", window)
    project.edit("rollback_on", "gates:\n  - {name: tests, manual: all tests pass}\nrollback_on")
    called = project.call("plan")
    assert called.code == 0 and called.json["steps"]
    project.ok("deploy", "-y")
    assert project.ok("deployment", "show")["outcome"] == "promoted"


def test_up_brings_back_what_was_live(project, load):
    project.ok("up")
    release = project.ok("deploy", "-y")["release"]
    project.ok("down", "-y")
    time.sleep(0.5)
    project.ok("up")
    status = project.ok("status")
    assert status["release"] == release and len(status["instances"]) == 2
    traffic = load()
    time.sleep(1)
    seen = traffic.stop()
    assert seen["lost"] == 0 and seen["ok"] > 100


def test_logs_and_one_off_commands_see_the_release(project):
    project.ok("up")
    release = project.ok("deploy", "-y")["release"]
    lines = project.call("logs", "web", "--grep", "^ready$").out.splitlines()
    assert len(lines) == 2
    answer = project.ok("exec", "web", "--", "sh", "-c", "echo $OPSBOOK_RELEASE; exit 0")
    assert answer["output"].strip() == release
    failed = project.ok("exec", "web", "--", "sh", "-c", "exit 4")
    assert failed["code"] == 4


def test_the_ledger_tells_the_story_and_is_intact(project):
    project.ok("up")
    project.ok("deploy", "-y")
    kinds = [event["kind"] for event in project.ok("audit")["events"]]
    assert [k for k in kinds if k.startswith("deploy.")] == ["deploy.started", "deploy.promoted"]
    assert project.ok("audit", "--verify")["intact"]
