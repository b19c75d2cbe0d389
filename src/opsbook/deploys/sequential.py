"""Is the new release failing more often than the old one? A test one may look at any time.

Method: the safe (anytime-valid) test of two proportions by an e-process, block by block,
after R. J. Turner, A. Ly and P. D. Grünwald, "Generic E-variables for exact sequential
k-sample tests that allow for optional stopping" (2022). Each block multiplies the
evidence by the likelihood of the block under the rates learned from earlier blocks,
over its likelihood under the pooled rate of equal releases. Several guesses of how much
worse the new release is run side by side and averaged, which again is evidence. By Ville's
inequality the evidence exceeds 1/alpha with probability at most alpha when the releases are
alike, however often one looks.
"""

import math
from dataclasses import dataclass, replace

# Failures are rare before anything is known: one in a hundred, worth ten requests.
_PRIOR_FAILED, _PRIOR_PASSED = 0.1, 9.9
# The new rate is learned (0) or guessed as the old one with its odds times so much.
_GUESSES = (0.0, 2.0, 4.0, 8.0, 16.0)


@dataclass(frozen=True)
class Evidence:
    """Counts so far and the logarithm of the evidence that the new release is worse."""

    new_total: int = 0
    new_failed: int = 0
    old_total: int = 0
    old_failed: int = 0
    logs: tuple[float, ...] = (0.0,) * len(_GUESSES)
    peak: float = 0.0

    def worse(self, alpha: float) -> bool:
        """Whether the evidence ever was strong enough at error level ``alpha``."""
        return self.peak >= -math.log(alpha)

    @property
    def new_rate(self) -> float:
        return self.new_failed / self.new_total if self.new_total else 0.0

    @property
    def old_rate(self) -> float:
        return self.old_failed / self.old_total if self.old_total else 0.0


def observe(evidence: Evidence, new: tuple[int, int], old: tuple[int, int]) -> Evidence:
    """Add one block: ``(total, failed)`` of both releases over the same span.

    Counts that cannot be (negative, more failures than requests) are left out.
    """
    if not (_possible(*new) and _possible(*old)) or new[0] == 0 or old[0] == 0:
        return evidence
    logs = tuple(
        log + _log_factor(evidence, guess, new, old)
        for log, guess in zip(evidence.logs, _GUESSES, strict=True)
    )
    return replace(
        evidence,
        new_total=evidence.new_total + new[0],
        new_failed=evidence.new_failed + new[1],
        old_total=evidence.old_total + old[0],
        old_failed=evidence.old_failed + old[1],
        logs=logs,
        peak=max(evidence.peak, _log_mean(logs)),
    )


def _log_mean(logs: tuple[float, ...]) -> float:
    top = max(logs)
    return top + math.log(sum(math.exp(log - top) for log in logs) / len(logs))


def _log_factor(
    evidence: Evidence, guess: float, new: tuple[int, int], old: tuple[int, int]
) -> float:
    rate_old = _learned(evidence.old_total, evidence.old_failed)
    if guess:
        odds = guess * rate_old / (1 - rate_old)
        rate_new = odds / (1 + odds)
    else:
        # One-sided: the evidence grows only in the direction of "new is worse".
        rate_new = max(rate_old, _learned(evidence.new_total, evidence.new_failed))
    pooled = (new[0] * rate_new + old[0] * rate_old) / (new[0] + old[0])
    return (
        _log_likelihood(new, rate_new)
        + _log_likelihood(old, rate_old)
        - _log_likelihood(new, pooled)
        - _log_likelihood(old, pooled)
    )


def _learned(total: int, failed: int) -> float:
    return (failed + _PRIOR_FAILED) / (total + _PRIOR_FAILED + _PRIOR_PASSED)


def _log_likelihood(counts: tuple[int, int], rate: float) -> float:
    total, failed = counts
    return failed * math.log(rate) + (total - failed) * math.log1p(-rate)


def _possible(total: int, failed: int) -> bool:
    return 0 <= failed <= total


def required_requests(old_rate: float, new_rate: float, *, alpha: float = 0.01) -> int:
    """About how many requests of the new release it takes to notice ``new_rate``.

    From the growth rate of the evidence per request with a large old sample, with half
    as much again for learning the rates. Infinite differences need at least 20.
    """
    if not 0 < new_rate < 1 or new_rate <= old_rate:
        return 0
    base = max(old_rate, 1e-4)
    growth = new_rate * math.log(new_rate / base)
    growth += (1 - new_rate) * math.log((1 - new_rate) / (1 - base))
    return max(20, math.ceil(1.5 * (-math.log(alpha) + 2.0) / growth))
