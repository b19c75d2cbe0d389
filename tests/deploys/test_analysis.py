"""A judgement never promotes on what it does not know."""

import itertools

import pytest

from opsbook.deploys.analysis import AnalysisSettings, Latencies, judge
from opsbook.deploys.sequential import Evidence, observe
from opsbook.signals.base import Outcome

NAN = float("nan")
SETTINGS = AnalysisSettings(min_requests=100)


def evidence(new, old):
    found = Evidence()
    for pair in zip(new, old, strict=True):
        found = observe(found, *pair)
    return found


GOOD = evidence([(50, 0)] * 10, [(150, 0)] * 10)
BROKEN = [
    Evidence(),
    evidence([(1, 0)], [(1, 0)]),
    evidence([(99, 0)], [(300, 0)]),
    evidence([(10, 11)] * 30, [(10, 0)] * 30),
    evidence([(-5, 0)] * 30, [(10, 0)] * 30),
    evidence([(50, 0)] * 10, [(0, 0)] * 10),
    evidence([(0, 0)] * 10, [(50, 0)] * 10),
    evidence([(50, 25)] * 10, [(150, 0)] * 10),
    evidence([(50, 50)] * 10, [(150, 0)] * 10),
    evidence([(50, 5)] * 20, [(150, 0)] * 20),
    evidence([(20, 2)] * 40, [(60, 0)] * 40),
]


@pytest.mark.parametrize(
    ("found", "latencies", "time_is_up"),
    list(
        itertools.product(
            BROKEN, (Latencies(), Latencies(NAN, 10.0), Latencies(0.0, 0.0)), (True, False)
        )
    ),
)
def test_sixty_six_broken_inputs_promote_nothing(found, latencies, time_is_up):
    verdict = judge(found, latencies, SETTINGS, time_is_up=time_is_up)
    assert verdict.outcome is not Outcome.PASS


def test_enough_good_requests_pass_when_the_time_is_up_and_not_before():
    assert judge(GOOD, Latencies(), SETTINGS, time_is_up=True).outcome is Outcome.PASS
    assert judge(GOOD, Latencies(), SETTINGS, time_is_up=False).outcome is Outcome.INCONCLUSIVE


def test_too_few_requests_are_counted_in_the_reason():
    found = evidence([(37, 0)], [(100, 0)])
    verdict = judge(found, Latencies(), SETTINGS, time_is_up=True)
    assert verdict.reason == "not enough traffic: 37 of 100 requests"


@pytest.mark.parametrize(("choice", "outcome"), [("fail", Outcome.FAIL), ("pass", Outcome.PASS)])
def test_what_no_data_means_can_be_chosen(choice, outcome):
    chosen = AnalysisSettings(on_no_data=choice)
    assert judge(Evidence(), Latencies(), chosen, time_is_up=True).outcome is outcome
    assert judge(Evidence(), Latencies(), chosen, time_is_up=False).outcome is Outcome.INCONCLUSIVE


def test_a_p95_that_grew_too_much_fails():
    chosen = AnalysisSettings(max_latency_increase=50.0)
    slow = judge(GOOD, Latencies(160.0, 100.0), chosen, time_is_up=True)
    assert slow.outcome is Outcome.FAIL and "160 ms" in slow.reason
    assert judge(GOOD, Latencies(140.0, 100.0), chosen, time_is_up=True).outcome is Outcome.PASS
