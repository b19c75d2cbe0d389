"""What became of every request."""

import math
from array import array
from collections import Counter
from dataclasses import dataclass, field

KEPT_LOSSES = 200


@dataclass
class ReleaseTally:
    """The requests that one release answered; times in seconds since the start."""

    first_s: float
    last_s: float
    total: int = 0
    failed: int = 0


@dataclass
class Tally:
    """Counts of one run. Every request sent ends as exactly one of ok, failed and lost."""

    sent: int = 0
    ok: int = 0
    failed: int = 0
    reopened: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    releases: dict[str, ReleaseTally] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)
    losses: list[dict[str, object]] = field(default_factory=list)
    latencies_s: "array[float]" = field(default_factory=lambda: array("d"))

    def answered(self, name: str, status: int, release: str, times: tuple[float, float]) -> None:
        """A complete response came; `times` are (seconds it took, seconds since the start)."""
        took_s, at_s = times
        self.latencies_s.append(took_s)
        self.statuses[status] += 1
        failed = status >= 500
        if failed:
            self.failed += 1
            self.failures[f"{status} {name}"] += 1
        else:
            self.ok += 1
        if release:
            known = self.releases.get(release)
            if known is None:
                known = self.releases[release] = ReleaseTally(at_s, at_s)
            known.last_s = at_s
            known.total += 1
            known.failed += failed

    def lose(self, name: str, reason: str, at_s: float, kind: str) -> None:
        """No complete response came."""
        self.lost[reason] += 1
        if len(self.losses) < KEPT_LOSSES:
            loss = {"at_s": round(at_s, 4), "reason": reason, "request": name, "connection": kind}
            self.losses.append(loss)

    def as_dict(self, duration_s: float) -> dict[str, object]:
        """The summary, ready for JSON."""
        ordered = sorted(self.latencies_s)
        return {
            "duration_s": round(duration_s, 3),
            "sent": self.sent,
            "ok": self.ok,
            "failed": self.failed,
            "lost": self.lost.total(),
            "per_second": round((self.ok + self.failed) / duration_s, 1) if duration_s else 0.0,
            "lost_reasons": dict(self.lost.most_common()),
            "losses": self.losses,
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "failures": dict(self.failures.most_common()),
            "releases": {
                name: {
                    "total": r.total,
                    "failed": r.failed,
                    "first_s": round(r.first_s, 4),
                    "last_s": round(r.last_s, 4),
                }
                for name, r in self.releases.items()
            },
            "latency_ms": {
                "p50": _percentile_ms(ordered, 50),
                "p95": _percentile_ms(ordered, 95),
                "p99": _percentile_ms(ordered, 99),
                "max": _percentile_ms(ordered, 100),
            },
            "reopened": self.reopened,
        }

    def progress(self, at_s: float) -> dict[str, object]:
        """The counts so far."""
        return {
            "at_s": round(at_s, 2),
            "sent": self.sent,
            "ok": self.ok,
            "failed": self.failed,
            "lost": self.lost.total(),
            "releases": {name: [r.total, r.failed] for name, r in self.releases.items()},
        }


def _percentile_ms(ordered: list[float], percent: int) -> float | None:
    """The nearest-rank percentile (exact, no interpolation); None without a sample."""
    if not ordered:
        return None
    rank = max(1, math.ceil(percent / 100 * len(ordered)))
    return round(ordered[rank - 1] * 1000, 3)
