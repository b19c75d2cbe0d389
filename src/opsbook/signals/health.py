"""All checks side by side, and what they mean together."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from opsbook.signals.base import Check, Status, worst

EXIT_CODES = {Status.OK: 0, Status.WARNING: 1, Status.CRITICAL: 2, Status.UNKNOWN: 3}


@dataclass(frozen=True)
class HealthReport:
    """The checks of one moment; ``status`` is the worst of them."""

    at: datetime
    checks: tuple[Check, ...]

    @property
    def status(self) -> Status:
        return worst([check.status for check in self.checks])

    def as_dict(self) -> dict[str, Any]:
        return {
            "status": self.status.value,
            "at": self.at.isoformat(),
            "checks": [check.as_dict() for check in self.checks],
        }


@dataclass(frozen=True)
class Question:
    """A check still to be asked: what it is about, and how to ask it."""

    name: str
    kind: str
    ask: Callable[[], Check]


def collect(questions: Sequence[Question], *, at: datetime, deadline_s: float) -> HealthReport:
    """Ask everything at once; what has not answered by the deadline is unknown."""
    if not questions:
        return HealthReport(at, ())
    pool = ThreadPoolExecutor(max_workers=min(32, len(questions)))
    try:
        pending = [(question, pool.submit(question.ask)) for question in questions]
        checks = []
        for question, answer in pending:
            try:
                checks.append(answer.result(timeout=deadline_s))
            except Late:
                text = f"no answer within {deadline_s:g} s"
                checks.append(Check(question.name, question.kind, "", Status.UNKNOWN, text))
        return HealthReport(at, tuple(checks))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
