"""Thresholds: when a number is worth a warning, a page or a rollback."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, GetPydanticSchema, WithJsonSchema
from pydantic_core import core_schema

from opsbook.clock import parse_duration
from opsbook.config.model.base import Named, Section
from opsbook.config.units import Duration, PositiveDuration, read_bytes, refuse
from opsbook.errors import UsageError

Op = Literal[">", ">=", "<", "<=", "==", "!=", "drops by", "rises by", "failing"]
Unit = Literal["percent", "seconds", "bytes", "count", "per_second", "days", "state"]


@dataclass(frozen=True)
class Condition:
    """One side of a threshold: ``> 300ms`` is ``>`` 0.3 ``seconds``.

    Base units: percent (0 to 100), seconds, bytes, count, per_second, days. ``failing``
    (unit state) compares with nothing: the check itself says so. ``drops by`` and
    ``rises by`` are percent of what the metric was before.
    """

    op: Op
    value: float
    unit: Unit
    text: str = ""

    @property
    def direction(self) -> int:
        """1 when large values are bad, -1 when small ones are, 0 when neither is."""
        if self.op in (">", ">=", "rises by", "failing"):
            return 1
        return -1 if self.op in ("<", "<=", "drops by") else 0

    def holds(self, value: float, *, before: float | None = None) -> bool:
        """Whether ``value`` (in the base unit) is past the limit.

        ``before`` is what the metric was, for ``drops by`` and ``rises by``; without it
        neither holds. For ``failing`` any value but 0 holds.
        """
        if self.op == "failing":
            return value != 0
        if self.op in ("drops by", "rises by"):
            if not before:
                return False
            change = (value - before) / abs(before) * 100
            return (change if self.op == "rises by" else -change) >= self.value
        return bool(_COMPARE[self.op](value, self.value))

    def __str__(self) -> str:
        return self.text


_COMPARE = {
    ">": lambda value, limit: value > limit,
    ">=": lambda value, limit: value >= limit,
    "<": lambda value, limit: value < limit,
    "<=": lambda value, limit: value <= limit,
    "==": lambda value, limit: value == limit,
    "!=": lambda value, limit: value != limit,
}
_CONDITION = re.compile(r"(>=|<=|==|!=|>|<|drops by|rises by)\s*(.+)")
_BYTES = re.compile(r"\d+(\.\d+)?\s*[KMGT]i?B?")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_EXAMPLES = 'such as "> 5%", "< 80%", "> 300ms", "> 2Gi", "drops by 50%" or failing'


def read_condition(value: Any) -> Condition:
    """Read ``> 5%``, ``< 80%``, ``> 300ms``, ``> 2Gi``, ``> 100``, ``< 5/s``, ``drops by 50%``."""
    if isinstance(value, Condition):
        return value
    if not isinstance(value, str):
        refuse("should say above or below what", _EXAMPLES)
    text = " ".join(value.split())
    if text in ("failing", "missing"):
        return Condition("failing", 0.0, "state", text)
    match = _CONDITION.fullmatch(text)
    if match is None:
        refuse(f"{value!r} does not say above or below what", _EXAMPLES)
    number, unit = _quantity(match.group(2).strip())
    op: Any = match.group(1)
    if op in ("drops by", "rises by") and unit != "percent":
        refuse(f"{value!r} needs a percentage", f'such as "{op} 50%"')
    return Condition(op, number, unit, text)


def _quantity(text: str) -> tuple[float, Unit]:
    if text.endswith("%") and _NUMBER.fullmatch(text[:-1].strip()):
        return float(text[:-1]), "percent"
    for ending in ("/s", " rps", "rps"):
        if text.endswith(ending) and _NUMBER.fullmatch(text.removesuffix(ending).strip()):
            return float(text.removesuffix(ending)), "per_second"
    if _NUMBER.fullmatch(text.removesuffix("x")):
        return float(text.removesuffix("x")), "count"
    if _BYTES.fullmatch(text):
        return float(read_bytes(text)), "bytes"
    try:
        return parse_duration(text).total_seconds(), "seconds"
    except (UsageError, OverflowError):
        refuse(f"{text!r} is not a quantity", _EXAMPLES)


def _condition_schema(_source: Any, _handler: Any) -> core_schema.CoreSchema:
    return core_schema.no_info_plain_validator_function(
        read_condition, serialization=core_schema.to_string_ser_schema()
    )


Limit = Annotated[
    Condition,
    GetPydanticSchema(_condition_schema),
    WithJsonSchema({"type": "string", "examples": ["> 5%", "< 80%", "> 300ms", "failing"]}),
]


@dataclass(frozen=True)
class Metric:
    """A number Opsbook can read by itself: what it is and which units a limit may have."""

    units: tuple[Unit, ...]
    meaning: str
    worse: int = 1


METRICS: Mapping[str, Metric] = {
    "error_rate": Metric(("percent",), "share of requests a user saw fail (5xx, cut off)"),
    "latency_p50": Metric(("seconds",), "half of the requests took longer"),
    "latency_p95": Metric(("seconds",), "one request in twenty took longer"),
    "latency_p99": Metric(("seconds",), "one request in a hundred took longer"),
    "request_rate": Metric(("per_second",), "requests per second", 0),
    "health": Metric(("state",), "the health checks of services and dependencies"),
    "instance_crashes": Metric(("count",), "instances that ended by themselves"),
    "cpu": Metric(("percent",), "CPU used, of the limit or of the host"),
    "memory": Metric(("percent", "bytes"), "memory used, of the limit or of the host"),
    "disk": Metric(("percent", "bytes"), "disk used"),
    "open_files": Metric(("percent", "count"), "open files, of the limit"),
    "db_connections": Metric(("percent", "count"), "database connections, of the pool"),
    "db_query_time": Metric(("seconds",), "mean time of the slowest kind of query"),
    "db_replication_lag": Metric(("seconds", "bytes"), "how far the replica is behind"),
    "cache_hit_ratio": Metric(("percent",), "reads answered by the cache", -1),
    "redis_memory": Metric(("percent", "bytes"), "memory of the cache server"),
    "queue_depth": Metric(("count",), "work that waits in a queue"),
    "queue_age": Metric(("seconds",), "how long the oldest work waits"),
    "event_loop_lag": Metric(("seconds",), "how late the event loop of a service runs"),
    "certificate_days": Metric(("days",), "days until the certificate ends", -1),
    "slo_burn": Metric(("count",), "how many times too fast the error budget is spent"),
    "login_failures": Metric(("count", "per_second"), "refused log-ins"),
    "heartbeat": Metric(("state", "seconds"), "time since scheduled work last reported"),
}


class Expression(Section):
    """A number from the service's own `/metrics`. Exactly one of the kinds is given.

    Names may carry labels: `orders_total{result="failed"}`.
    """

    ratio: tuple[str, str] | None = None
    """Share in percent of one counter in another: `[orders_failed_total, orders_total]`."""
    rate: str | None = None
    """How fast a counter grows, per second."""
    increase: str | None = None
    """By how much a counter grew within `over`."""
    gauge: str | None = None
    """The value of a gauge, summed over the instances."""
    quantile: str | None = None
    """Quantile of a histogram of seconds, such as `0.95 checkout_seconds`."""

    @property
    def kind(self) -> str:
        """Which of the kinds is given; empty for none."""
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        return given[0] if len(given) == 1 else ""

    @property
    def units(self) -> tuple[Unit, ...]:
        """Units a limit of this number may have."""
        by_kind: Mapping[str, tuple[Unit, ...]] = {
            "ratio": ("percent",),
            "rate": ("per_second", "count"),
            "increase": ("count",),
            "quantile": ("seconds",),
        }
        return by_kind.get(self.kind, ("count", "percent", "seconds", "bytes"))


def _metric(value: Any) -> Any:
    return {"named": value} if isinstance(value, str) else value


class MetricChoice(Expression):
    """A built-in metric by name, or a number of the service's own metrics."""

    named: str | None = None
    """Name of a built-in metric. A plain text stands for it."""


class Threshold(Named):
    """A limit on a number. The same entry drives alerts, deployments and the console."""

    metric: Annotated[MetricChoice | None, BeforeValidator(_metric)] = None
    """Which number; by default the built-in metric of the same name as the entry."""
    warning: Limit | None = None
    """When it is worth a message: `"> 1%"`."""
    critical: Limit | None = None
    """When it is worth a page: `"> 5%"`, or `failing`."""
    target: Limit | None = None
    """Where the number should be; shown, never alerted on."""
    for_: Duration = Field(default=timedelta(), alias="for")
    """The limit must be passed for this long without a break."""
    over: PositiveDuration = timedelta(minutes=1)
    """Rates and percentiles are taken over this time."""
    clear: Limit | None = None
    """The alert ends when this holds; by default when the limit is no longer passed."""
    clear_for: Duration = timedelta()
    """The alert ends only after it has been well for this long."""
    service: str | None = None
    """Only this service; by default each of them."""
    dependency: str | None = None
    """Only this dependency; by default each of them."""
    route: str | None = None
    """Only requests whose path starts so."""
    min_requests: int = Field(default=0, ge=0)
    """With fewer requests within `over` nothing is judged."""
    severity: str | None = None
    """Severity of the incident a critical alert opens."""
    runbook: str | None = None
    """Runbook that is shown with the alert, or started by it."""
    remind: Duration | None = None
    """Repeat the notification while the alert lasts."""
    description: str = ""
    """What it means for users; part of the notification."""

    @property
    def metric_name(self) -> str:
        """Name of the built-in metric; empty for a number of the service's own."""
        if self.metric is None:
            return self.name
        return self.metric.named or ""

    @property
    def expression(self) -> Expression | None:
        """The number of the service's own metrics, where that is what is watched."""
        return None if self.metric is None or self.metric.named else self.metric

    @property
    def units(self) -> tuple[Unit, ...]:
        """Units the limits may have; empty when the metric is unknown."""
        if self.expression is not None:
            return self.expression.units
        found = METRICS.get(self.metric_name)
        return found.units if found else ()

    @property
    def limits(self) -> Mapping[str, Condition]:
        """The limits that are given, by the name of their key."""
        pairs = {name: getattr(self, name) for name in ("warning", "critical", "target", "clear")}
        return {name: self._in_days(limit) for name, limit in pairs.items() if limit is not None}

    def limit(self, level: Literal["warning", "critical", "target", "clear"]) -> Condition | None:
        """The limit of ``level`` in the base unit of the metric."""
        return self.limits.get(level)

    def _in_days(self, limit: Condition) -> Condition:
        if self.units == ("days",) and limit.unit == "seconds":
            return replace(limit, value=limit.value / 86400, unit="days")
        return limit
