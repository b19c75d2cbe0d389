"""Finished requests folded into one-second buckets per server: counts and time histograms.

Times go into buckets whose bounds grow by 1 %, so that a quantile is within 1 % of the
exact value. The last hour is kept.
"""

import math
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from opsbook.clock import Clock

KEEP_S = 3600
_GROWTH = math.log(1.01)


class Sample(Protocol):
    """What the proxy's log gives: see ``opsbook.traffic.base.RequestSample``."""

    @property
    def service(self) -> str: ...
    @property
    def server(self) -> str: ...
    @property
    def status(self) -> int: ...
    @property
    def duration_us(self) -> int: ...


@dataclass
class Bucket:
    """One second of one server."""

    second: int
    total: int = 0
    failed: int = 0
    times: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class WindowStats:
    """What happened in a span of time. ``times`` is bucket number → count."""

    total: int
    failed: int
    seconds: float
    times: Mapping[int, int] = field(default_factory=dict)

    @property
    def error_rate(self) -> float | None:
        """Share of failed requests in percent; None without requests."""
        return 100.0 * self.failed / self.total if self.total else None

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.total / self.seconds if self.seconds > 0 else 0.0

    def quantile_ms(self, q: float) -> float | None:
        """The time below which the share ``q`` of the requests stayed; None without any."""
        count = sum(self.times.values())
        if not count:
            return None
        rank = max(1, math.ceil(q * count))
        seen = 0
        for number in sorted(self.times):
            seen += self.times[number]
            if seen >= rank:
                return math.exp((number + 0.5) * _GROWTH) / 1000.0
        return None

    def __add__(self, other: "WindowStats") -> "WindowStats":
        times = dict(self.times)
        for number, count in other.times.items():
            times[number] = times.get(number, 0) + count
        return WindowStats(
            self.total + other.total,
            self.failed + other.failed,
            max(self.seconds, other.seconds),
            times,
        )


class RequestWindows:
    """The last hour of requests; fed by the proxy's log, read by analysis and screens."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: dict[tuple[str, str], deque[Bucket]] = {}
        self._lock = threading.Lock()
        self.began = clock.now().timestamp()

    def add(self, samples: Iterable[Sample]) -> None:
        """Count finished requests now. Status -1 (the client left) is no failure of ours."""
        second = int(self._clock.now().timestamp())
        with self._lock:
            for sample in samples:
                bucket = self._bucket(sample.service, sample.server, second)
                bucket.total += 1
                if sample.status >= 500:
                    bucket.failed += 1
                number = int(math.log(max(1, sample.duration_us)) / _GROWTH)
                bucket.times[number] = bucket.times.get(number, 0) + 1

    def _bucket(self, service: str, server: str, second: int) -> Bucket:
        row = self._buckets.setdefault((service, server), deque())
        if not row or row[-1].second != second:
            row.append(Bucket(second))
            while row[0].second < second - KEEP_S:
                row.popleft()
        return row[-1]

    def services(self) -> tuple[str, ...]:
        """Services that answered anything within the last hour."""
        with self._lock:
            return tuple(dict.fromkeys(service for service, _ in self._buckets))

    def servers(self, service: str, prefix: str = "") -> tuple[str, ...]:
        """Servers of a service whose names start so, ended ones too."""
        with self._lock:
            return tuple(
                server
                for known, server in self._buckets
                if known == service and server.startswith(prefix)
            )

    def window(
        self, service: str, servers: Iterable[str], *, since: float, until: float | None = None
    ) -> WindowStats:
        """What these servers of a service answered; times are POSIX seconds."""
        end = self._clock.now().timestamp() if until is None else until
        total = failed = 0
        times: dict[int, int] = {}
        with self._lock:
            for server in servers:
                for bucket in self._buckets.get((service, server), ()):
                    if since <= bucket.second <= end:
                        total += bucket.total
                        failed += bucket.failed
                        for number, count in bucket.times.items():
                            times[number] = times.get(number, 0) + count
        return WindowStats(total, failed, max(0.0, end - since), times)
