"""The promise, counted: deployments and rollbacks by every strategy lose nothing."""

import itertools
import os

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]

LONG = os.environ.get("OPSBOOK_LONG") == "1"
REQUESTS = 1_000_000 if LONG else 100_000
PAIRS = 100 if LONG else 6


def test_no_request_is_lost(project, load):
    project.edit("every: 1500ms", "every: 200ms")
    project.edit("watch: 1500ms", "watch: 200ms")
    project.edit("watch: 1s, surge", "watch: 200ms, surge")
    project.edit("blue-green: {watch: 1s}", "blue-green: {watch: 200ms}")
    project.ok("up")
    project.ok("deploy", "-y")
    traffic = load(100_000)
    switches = []
    for pair, strategy in enumerate(itertools.cycle(("canary", "blue-green", "rolling"))):
        if pair >= PAIRS and traffic.sent >= REQUESTS:
            break
        project.mode("good", f"pair {pair}")
        for words in (("deploy", "-y", "--strategy", strategy), ("rollback", "-y")):
            answer = project.ok(*words)
            assert answer["outcome"] == "promoted", answer
            switches.append(answer["switch_ms"])
    seen = traffic.stop()
    assert seen["lost"] == 0, seen
    assert seen["failed"] == 0, seen
    assert seen["sent"] >= REQUESTS
    switches.sort()
    p95 = switches[int(0.95 * (len(switches) - 1))]
    print(f"{seen['sent']} requests, {len(switches)} switches, p95 {p95:.2f} ms")
