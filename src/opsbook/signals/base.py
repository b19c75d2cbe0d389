"""Readings and verdicts: the words every check answers with."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """How a check turned out; ordered from good to bad by :data:`SEVERITY`."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"
    UNKNOWN = "unknown"


SEVERITY = {Status.OK: 0, Status.UNKNOWN: 1, Status.WARNING: 2, Status.CRITICAL: 3}


class Outcome(StrEnum):
    """What a judgement says; INCONCLUSIVE never counts as a pass."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Check:
    """One probe's answer.

    ``kind`` is http, tcp, postgres, redis, proxy, disk, instance …; ``target`` is
    what was asked, without credentials.
    """

    name: str
    kind: str
    target: str
    status: Status
    reason: str = ""
    latency_ms: float | None = None

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "kind": self.kind,
            "target": self.target,
            "status": self.status.value,
            "reason": self.reason,
            "latency_ms": None if self.latency_ms is None else round(self.latency_ms, 2),
        }


@dataclass(frozen=True)
class Reading:
    """One number at one time; ``value`` None means there was no data."""

    metric: str
    value: float | None
    at: datetime
    samples: int = 0
    unit: str = ""


@dataclass(frozen=True)
class Verdict:
    """A judgement with the readings it rests on."""

    outcome: Outcome
    reason: str
    readings: tuple[Reading, ...] = ()


def worst(statuses: list[Status]) -> Status:
    """The overall status of several checks; OK when there are none."""
    return max(statuses, key=SEVERITY.__getitem__, default=Status.OK)
