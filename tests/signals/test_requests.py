"""Requests folded into seconds: exact counts, quantiles within two percent."""

import random
from dataclasses import dataclass

import pytest

from opsbook.clock import VirtualClock
from opsbook.signals.requests import RequestWindows
from opsbook.signals.scrape import parse_metrics


@dataclass(frozen=True)
class Request:
    service: str
    server: str
    status: int
    duration_us: int


@pytest.mark.parametrize("seed", range(20))
def test_quantiles_are_within_two_percent_of_the_exact_value(seed):
    chance = random.Random(seed)
    clock = VirtualClock()
    windows = RequestWindows(clock)
    times = [int(chance.lognormvariate(9, 1.2)) + 50 for _ in range(3000)]
    windows.add(Request("api", "a", 200, t) for t in times)
    stats = windows.window("api", ["a"], since=0)
    times.sort()
    for q in (0.5, 0.9, 0.95, 0.99):
        exact = times[max(0, -(-int(q * 1000) * len(times) // 1000) - 1)] / 1000
        assert stats.quantile_ms(q) == pytest.approx(exact, rel=0.02)


def test_windows_count_what_fell_into_them_and_nothing_else():
    clock = VirtualClock()
    windows = RequestWindows(clock)
    start = clock.now().timestamp()
    for second in range(10):
        status = 500 if second % 2 else 200
        windows.add([Request("api", "a", status, 1000)] * (second + 1))
        windows.add([Request("api", "b", 200, 1000), Request("web", "a", 503, 1000)])
        clock.advance(1)
    stats = windows.window("api", ["a"], since=start + 3, until=start + 5)
    assert (stats.total, stats.failed) == (4 + 5 + 6, 4 + 6)
    assert windows.window("api", ["a", "b"], since=start).total == 55 + 10
    assert windows.window("api", ["none"], since=start).error_rate is None


def test_a_client_that_left_is_no_failure():
    windows = RequestWindows(VirtualClock())
    windows.add([Request("api", "a", -1, 10), Request("api", "a", 404, 10)])
    assert windows.window("api", ["a"], since=0).failed == 0


def test_only_the_last_hour_is_kept():
    clock = VirtualClock()
    windows = RequestWindows(clock)
    for _ in range(3):
        windows.add([Request("api", "a", 200, 10)])
        clock.advance(3000)
    windows.add([Request("api", "a", 200, 10)])
    assert windows.window("api", ["a"], since=0).total == 2


def test_metrics_are_summed_over_their_labels_and_absence_is_not_zero():
    page = parse_metrics(
        "# HELP x y\n"
        'orders_total{route="/a",status="500"} 2 1700000000\n'
        'orders_total{route="/a",status="200"} 5\n'
        'orders_total{route="/b \\"q\\"",status="500"} 1\n'
        "junk line here {{{\n"
        "temperature NaN\n"
    )
    assert page.total("orders_total") == 8
    assert page.total('orders_total{status="500"}') == 3
    assert page.total('orders_total{route="/b \\"q\\""}') == 1
    assert page.total("nothing") is None and page.total("temperature") is None
