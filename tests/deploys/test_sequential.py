"""The comparison of two releases: how soon it notices, how seldom it cries wolf."""

import math

import numpy
import pytest

from opsbook.deploys.sequential import Evidence, observe, required_requests

ALPHA = 0.01


def run(random, new_rate, old_rate, *, requests, ratio, block=20):
    """The number of requests after which it was called worse; None when it never was."""
    evidence = Evidence()
    old_block = block * ratio
    new = random.binomial(block, new_rate, requests // block)
    old = random.binomial(old_block, old_rate, requests // block)
    for failed_new, failed_old in zip(new.tolist(), old.tolist(), strict=True):
        evidence = observe(evidence, (block, failed_new), (old_block, failed_old))
        if evidence.worse(ALPHA):
            return evidence.new_total
    return None


def test_five_percent_against_half_a_percent_is_found_within_400_requests():
    random = numpy.random.default_rng(1)
    runs = [run(random, 0.05, 0.005, requests=400, ratio=3) for _ in range(600)]
    found = [count for count in runs if count is not None]
    assert len(found) >= 0.95 * len(runs), len(found) / len(runs)


def test_identical_releases_are_called_worse_in_at_most_one_of_a_hundred_looks_or_not():
    random = numpy.random.default_rng(2)
    rates = (0.0, 0.001, 0.005, 0.05)
    alarms = sum(
        run(random, rates[n % 4], rates[n % 4], requests=400, ratio=1) is not None
        for n in range(10_000)
    )
    assert alarms <= 100, alarms


def test_a_better_release_is_never_called_worse():
    random = numpy.random.default_rng(3)
    assert all(run(random, 0.001, 0.05, requests=1000, ratio=1) is None for _ in range(200))


def test_an_old_release_without_any_failure_is_no_excuse():
    evidence = Evidence()
    for _ in range(20):
        evidence = observe(evidence, (20, 2), (60, 0))
    assert evidence.worse(ALPHA) and evidence.old_rate == 0.0


@pytest.mark.parametrize("new", [(-1, 0), (10, 11), (10, -1), (0, 0)])
def test_counts_that_cannot_be_are_left_out(new):
    assert observe(Evidence(), new, (10, 0)) == Evidence()
    assert observe(Evidence(), (10, 0), new) == Evidence()


def test_the_stated_need_falls_with_the_difference():
    needs = [required_requests(0.005, rate) for rate in (0.01, 0.02, 0.05, 0.2)]
    assert needs == sorted(needs, reverse=True) and all(math.isfinite(n) for n in needs)
    assert required_requests(0.05, 0.05) == 0
