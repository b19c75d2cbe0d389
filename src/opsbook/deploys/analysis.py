"""Judging a new release against the old one over the same time; pure."""

from dataclasses import dataclass

from opsbook.deploys.sequential import Evidence, required_requests
from opsbook.signals.base import Outcome, Verdict


@dataclass(frozen=True)
class AnalysisSettings:
    """When there is enough to judge, and what counts as worse. Rates are in percent."""

    min_requests: int = 100
    alpha: float = 0.01
    max_error_rate_increase: float = 1.0
    max_latency_increase: float | None = None
    on_no_data: str = "hold"


@dataclass(frozen=True)
class Latencies:
    """p95 of both releases over the same time, in milliseconds; None without requests."""

    new_ms: float | None = None
    old_ms: float | None = None


def judge(
    evidence: Evidence, latencies: Latencies, settings: AnalysisSettings, *, time_is_up: bool
) -> Verdict:
    """FAIL as soon as the new release is surely worse; PASS only when the time is up and
    there were enough requests; INCONCLUSIVE otherwise, which holds.

    Worse means: the sequential test rejects "alike", and the increase is larger than
    ``max_error_rate_increase``; or, with ``max_latency_increase``, a p95 that much above
    the old one's.
    """
    increase = 100.0 * (evidence.new_rate - evidence.old_rate)
    if evidence.worse(settings.alpha) and increase > settings.max_error_rate_increase:
        return Verdict(
            Outcome.FAIL,
            f"{100 * evidence.new_rate:.1f} % of its requests failed, "
            f"{100 * evidence.old_rate:.1f} % of the old release's "
            f"({evidence.new_failed} of {evidence.new_total})",
        )
    enough = evidence.new_total >= settings.min_requests
    if not enough:
        return _too_few(evidence, settings, time_is_up)
    slow = _slower(latencies, settings)
    if slow:
        return Verdict(Outcome.FAIL, slow)
    if not time_is_up:
        return Verdict(Outcome.INCONCLUSIVE, "the time is not up")
    return Verdict(Outcome.PASS, f"{evidence.new_total} requests, as good as the old release")


def _too_few(evidence: Evidence, settings: AnalysisSettings, time_is_up: bool) -> Verdict:
    if evidence.new_total == 0:
        text = "no data: not one request reached the new release"
    else:
        text = f"not enough traffic: {evidence.new_total} of {settings.min_requests} requests"
    if time_is_up and settings.on_no_data == "fail":
        return Verdict(Outcome.FAIL, text)
    if time_is_up and settings.on_no_data == "pass":
        return Verdict(Outcome.PASS, f"{text}; on_no_data says pass")
    return Verdict(Outcome.INCONCLUSIVE, text)


def _slower(latencies: Latencies, settings: AnalysisSettings) -> str:
    if settings.max_latency_increase is None or not latencies.new_ms or not latencies.old_ms:
        return ""
    increase = 100.0 * (latencies.new_ms / latencies.old_ms - 1)
    if increase <= settings.max_latency_increase:
        return ""
    return (
        f"p95 is {latencies.new_ms:.0f} ms, the old release's {latencies.old_ms:.0f} ms "
        f"(+{increase:.0f} %)"
    )


def stated_need(settings: AnalysisSettings) -> int:
    """About how many requests it takes to tell 5 % failures from 0.5 %; said in the plan."""
    return required_requests(0.005, 0.05, alpha=settings.alpha)
