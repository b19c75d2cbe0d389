"""The load client counts every loss, and nothing else."""

import json
import socket

import pytest

from load.answer import MalformedError, Reader
from load.background import BackgroundLoad
from load.client import StrictLoad
from load.mix import shop_requests
from shop_server import (
    BROKEN,
    CHUNKED,
    CLOSING,
    CUT,
    NONSENSE,
    OK,
    SILENCE,
    TRUNCATED,
    ScriptedServer,
)

GET = [("GET", "/x", b"")]


def put_on(server: ScriptedServer, count: int = 200, **settings) -> dict:
    settings = {"connections": 4, "requests": GET, "timeout_s": 5.0, **settings}
    return StrictLoad(server.url, max_requests=count, **settings).run()


def adds_up(summary: dict) -> bool:
    return summary["sent"] == summary["ok"] + summary["failed"] + summary["lost"]


def test_a_healthy_server_loses_nothing(server):
    summary = put_on(server)
    assert (summary["sent"], summary["ok"], summary["lost"]) == (200, 200, 0)
    assert summary["statuses"] == {"200": 200}
    assert server.requests == 200


def test_half_of_the_connections_are_kept_and_half_are_new(server):
    summary = put_on(server, 200)
    kept = 2
    assert summary["reopened"] == 0
    assert kept < server.connections <= 200 - kept


def test_every_cut_connection_is_one_loss_and_is_not_retried(server):
    server.answer = lambda number: CUT if number % 10 == 0 else OK
    summary = put_on(server, 200)
    assert summary["lost"] == 20
    assert summary["ok"] == 180
    assert set(summary["lost_reasons"]) <= {"closed", "reset"}
    assert server.requests == 200
    assert len(summary["losses"]) == 20
    assert summary["losses"][0]["request"] == "GET /x"


def test_a_connection_that_says_close_is_opened_again_without_a_loss(server):
    server.answer = lambda number: CLOSING if number % 5 == 0 else OK
    summary = put_on(server, 200)
    assert (summary["ok"], summary["lost"]) == (200, 0)
    assert 0 < summary["reopened"] <= 40


def test_server_errors_are_failed_and_not_lost(server):
    server.answer = lambda number: BROKEN if number % 4 == 0 else OK
    summary = put_on(server, 200)
    assert (summary["ok"], summary["failed"], summary["lost"]) == (150, 50, 0)
    assert summary["failures"] == {"500 GET /x": 50}
    releases = {name: (r["total"], r["failed"]) for name, r in summary["releases"].items()}
    assert releases == {"r1": (150, 0), "r2": (50, 50)}


@pytest.mark.parametrize(
    ("bad", "reason"), [(TRUNCATED, "truncated"), (NONSENSE, "malformed"), (SILENCE, "timeout")]
)
def test_an_answer_that_is_not_complete_and_valid_is_lost(server, bad, reason):
    server.answer = lambda number: bad if number in (3, 7) else OK
    summary = put_on(server, 40, timeout_s=0.2)
    assert summary["lost_reasons"] == {reason: 2}
    assert summary["ok"] == 38


def test_a_server_that_is_not_there_refuses_every_request():
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    load = StrictLoad(f"http://127.0.0.1:{port}", 4, max_requests=20, requests=GET)
    summary = load.run()
    assert summary["lost_reasons"] == {"refused": 20}
    assert summary["latency_ms"]["p50"] is None


def test_chunked_answers_count_when_the_last_chunk_came(server):
    server.answer = lambda number: CHUNKED
    assert put_on(server, 50)["ok"] == 50


def test_posts_carry_their_body(server):
    put_on(server, 10, requests=[("POST", "/orders", b'{"n": 1}')])
    assert server.bodies == [b'{"n": 1}'] * 10


def test_the_rate_is_a_limit(server):
    summary = put_on(server, 40, rate=200)
    assert summary["duration_s"] >= 0.1
    assert summary["ok"] == 40


def test_every_request_is_counted_exactly_once_when_all_goes_wrong(server):
    answers = [OK, CUT, BROKEN, TRUNCATED, CLOSING, NONSENSE, CHUNKED]
    server.answer = lambda number: answers[number % len(answers)]
    summary = put_on(server, 210)
    assert adds_up(summary)
    assert summary["lost"] == 90
    assert summary["failed"] == 30
    assert server.requests == 210


def test_the_summary_comes_when_the_program_is_told_to_stop(server):
    with BackgroundLoad("client", "--url", server.url, "--get", "/x", "--rate", "200") as load:
        while server.requests < 5:
            assert load.running
        summary = load.stop()
    assert summary["lost"] == 0
    assert summary["ok"] == summary["sent"] == server.requests


def test_a_response_may_come_byte_by_byte():
    for raw in (OK, CHUNKED, BROKEN):
        reader = Reader()
        answers = [reader.feed(raw[n : n + 1]) for n in range(len(raw))]
        assert answers[:-1] == [None] * (len(raw) - 1)
        assert answers[-1].status in (200, 500)


def test_bytes_after_the_response_are_malformed():
    with pytest.raises(MalformedError):
        Reader().feed(OK + b"x")


def test_the_mix_of_the_shop_reads_and_writes():
    mix = shop_requests()
    assert {request.method for request in mix} == {"GET", "POST"}
    assert all(json.loads(r.body)["lines"] for r in mix if r.method == "POST")
