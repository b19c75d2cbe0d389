"""Which thresholds send a deployment back, read each second; pure apart from the reader."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from opsbook.clock import format_duration
from opsbook.config.model.threshold import Threshold
from opsbook.signals.thresholds import Level, Limit, ThresholdState, advance

Reader = Callable[["Trigger"], float | None]
"""Gives the value of a trigger's number now; None for no data."""

_STATE_METRICS = ("health", "heartbeat")


@dataclass(frozen=True)
class Trigger:
    """One threshold of ``rollback_on`` for one service (or for all of them)."""

    name: str
    metric: str
    service: str
    limit: Limit
    text: str
    over: timedelta
    min_requests: int = 0
    threshold: Threshold | None = None

    def words(self, value: float | None) -> str:
        """What happened, for the reason of a rollback."""
        held = f" for {format_duration(self.limit.hold)}" if self.limit.hold else ""
        where = f" of {self.service}" if self.service else ""
        if self.metric in _STATE_METRICS:
            return f"{self.name}{where} failing{held}"
        return f"{self.name}{where} {_shown(value, self.text)} {self.text}{held}"


@dataclass
class Watch:
    """The triggers of one deployment and where each stands."""

    triggers: tuple[Trigger, ...]
    states: dict[tuple[str, str], ThresholdState] = field(default_factory=dict)

    def tick(self, read: Reader, now: datetime) -> str:
        """Read every trigger once; the words of the first that fires, else empty."""
        fired = ""
        for trigger in self.triggers:
            key = (trigger.name, trigger.service)
            before = self.states.get(key, ThresholdState())
            state = advance(before, trigger.limit, read(trigger), now)
            self.states[key] = state
            if state.level is Level.FIRING and not fired:
                fired = trigger.words(state.value)
        return fired


def triggers(
    thresholds: Mapping[str, Threshold], names: tuple[str, ...], services: tuple[str, ...]
) -> tuple[Trigger, ...]:
    """The triggers of a deployment of ``services``."""
    found: list[Trigger] = []
    for name in names:
        threshold = thresholds[name]
        condition = threshold.limit("critical")
        if condition is None:
            continue
        metric = threshold.metric_name
        if metric in _STATE_METRICS:
            limit = Limit(">=", 1.0, threshold.for_)
        elif condition.op in (">", ">=", "<", "<="):
            limit = Limit(condition.op, condition.value, threshold.for_)
        else:
            continue
        scope = (threshold.service,) if threshold.service else services
        found += [
            Trigger(
                name,
                metric,
                service,
                limit,
                condition.text or f"{condition.op} {condition.value:g}",
                threshold.over,
                threshold.min_requests,
                threshold,
            )
            for service in scope
            if service in services
        ]
    return tuple(found)


def _shown(value: float | None, limit_text: str) -> str:
    if value is None:
        return "?"
    if "%" in limit_text:
        return f"{value:.1f} %"
    if limit_text.rstrip().endswith("s"):
        return f"{value * 1000:.0f} ms"
    return f"{value:g}"
