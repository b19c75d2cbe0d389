"""Counters, gauges and histograms in the Prometheus text format (version 0.0.4)."""

import os
from bisect import bisect_left
from collections.abc import Callable, Mapping
from pathlib import Path

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
Labels = tuple[str, ...]


def _series(name: str, names: Labels, values: Labels, extra: str = "") -> str:
    pairs = [f'{key}="{_escape(value)}"' for key, value in zip(names, values, strict=True)]
    if extra:
        pairs.append(extra)
    return f"{name}{{{','.join(pairs)}}}" if pairs else name


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


class Counter:
    """A number that only grows, per combination of label values."""

    kind = "counter"

    def __init__(self, name: str, text: str, labels: Labels = ()) -> None:
        self.name, self.text, self._labels = name, text, labels
        self._values: dict[Labels, float] = {} if labels else {(): 0.0}

    def add(self, *labels: str, amount: float = 1) -> None:
        """Grow the series with these label values."""
        self._values[labels] = self._values.get(labels, 0.0) + amount

    def lines(self) -> list[str]:
        """One line per series."""
        return [f"{_series(self.name, self._labels, k)} {v:g}" for k, v in self._values.items()]


class Gauge:
    """A number read when it is asked for."""

    kind = "gauge"

    def __init__(self, name: str, text: str, read: Callable[[], float]) -> None:
        self.name, self.text, self._read = name, text, read

    def lines(self) -> list[str]:
        """One line."""
        return [f"{self.name} {self._read():.15g}"]


class Histogram:
    """How often a duration in seconds fell below each bound, per combination of label values."""

    kind = "histogram"

    def __init__(self, name: str, text: str, labels: Labels) -> None:
        self.name, self.text, self._labels = name, text, labels
        self._counts: dict[Labels, list[int]] = {}
        self._sums: dict[Labels, float] = {}

    def observe(self, labels: Labels, seconds: float) -> None:
        """Count one duration."""
        counts = self._counts.get(labels)
        if counts is None:
            counts = self._counts[labels] = [0] * (len(BUCKETS_S) + 1)
            self._sums[labels] = 0.0
        counts[bisect_left(BUCKETS_S, seconds)] += 1
        self._sums[labels] += seconds

    def lines(self) -> list[str]:
        """Cumulative buckets, sum and count of every series."""
        found = []
        for labels, counts in self._counts.items():
            total = 0
            for bound, count in zip((*BUCKETS_S, "+Inf"), counts, strict=True):
                total += count
                series = _series(f"{self.name}_bucket", self._labels, labels, f'le="{bound}"')
                found.append(f"{series} {total}")
            found.append(
                f"{_series(self.name + '_sum', self._labels, labels)} {self._sums[labels]:.6f}"
            )
            found.append(f"{_series(self.name + '_count', self._labels, labels)} {total}")
        return found


class ShopMetrics:
    """Everything the shop counts, and the gauges added to it."""

    def __init__(self) -> None:
        self.duration = Histogram(
            "http_request_duration_seconds", "Time to answer.", ("method", "route", "status")
        )
        self.requests = Counter("http_requests_total", "Answers.", ("method", "route", "status"))
        self.orders = Counter("orders_total", "Checkouts that began.")
        self.completed = Counter("orders_completed_total", "Checkouts paid and written.")
        self.payments = Counter("payments_total", "Charges by outcome.", ("outcome",))
        self.sales = Counter("sales_total", "Sales at the till.")
        self.revenue = Counter("revenue_total", "Money taken, in whole currency units.")
        self._all: list[Counter | Gauge | Histogram] = [
            self.duration,
            self.requests,
            self.orders,
            self.completed,
            self.payments,
            self.sales,
            self.revenue,
            Gauge("process_resident_memory_bytes", "Memory in use.", resident_bytes),
        ]

    def add_gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Show a number that something else knows."""
        self._all.append(Gauge(name, text, read))

    def render(self, readings: Mapping[str, float]) -> str:
        """The whole page; `readings` are gauges that had to be awaited."""
        lines = []
        for metric in self._all:
            lines += [f"# HELP {metric.name} {metric.text}", f"# TYPE {metric.name} {metric.kind}"]
            lines += metric.lines()
        for name, value in readings.items():
            lines += [f"# TYPE {name} gauge", f"{name} {value:g}"]
        return "\n".join(lines) + "\n"


def resident_bytes() -> float:
    """The memory this process holds, from /proc; 0 where there is no /proc."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return 0.0
    return float(int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
