"""The numbers behind triggers and analysis, read from proxy, instances and their metrics."""

import itertools
from dataclasses import dataclass, field

from opsbook import http
from opsbook.config.model.threshold import Expression
from opsbook.deploys import fleets
from opsbook.deploys.triggers import Trigger
from opsbook.errors import ExternalError
from opsbook.runtime import Runtime
from opsbook.signals.requests import WindowStats
from opsbook.signals.scrape import Samples, parse_metrics

_SCRAPE_EVERY_S = 2.0


@dataclass
class FleetReader:
    """Reads one release during one deployment. ``since`` is when it began to be watched."""

    runtime: Runtime
    release: str
    since: float
    _crashes_before: dict[str, int] = field(default_factory=dict)
    _scrapes: dict[str, list[tuple[float, dict[str, Samples]]]] = field(default_factory=dict)

    def servers(self, service: str, release: str = "") -> list[str]:
        """Instances of a service, ended ones too: their requests count."""
        found = self.runtime.platform.instances(service=service, release=release or self.release)
        return [instance.name for instance in found]

    def window(self, service: str, over_s: float, release: str = "") -> WindowStats:
        """Requests of the last ``over_s`` seconds, but none from before ``since``."""
        now = self.runtime.clock.now().timestamp()
        since = max(self.since, now - over_s)
        return self.runtime.requests.window(service, self.servers(service, release), since=since)

    def read(self, trigger: Trigger) -> float | None:
        """The trigger's number now, in the base unit of its limit; None for no data."""
        if trigger.threshold is not None and trigger.threshold.expression is not None:
            return self._expression(trigger, trigger.threshold.expression)
        if trigger.metric == "health":
            return self._health(trigger.service)
        if trigger.metric == "instance_crashes":
            return self._crashes(trigger.service)
        return self._requests(trigger)

    def _requests(self, trigger: Trigger) -> float | None:
        stats = self.window(trigger.service, trigger.over.total_seconds())
        if stats.total < max(1, trigger.min_requests):
            return None
        if trigger.metric == "error_rate":
            return stats.error_rate
        if trigger.metric == "request_rate":
            return stats.rate
        if trigger.metric.startswith("latency_p"):
            found = stats.quantile_ms(int(trigger.metric.removeprefix("latency_p")) / 100)
            return None if found is None else found / 1000
        return None

    def _health(self, service: str) -> float | None:
        """1 when any instance is not ready, else 0; None while the fleet is not there yet."""
        declared = fleets.service_of(self.runtime, self.release, service)
        if not self.servers(service):
            return None
        alive = fleets.living(self.runtime, service, self.release)
        return 1.0 if not alive or fleets.unready_reasons(alive, declared) else 0.0

    def _crashes(self, service: str) -> float:
        """Crashes since the watch began."""
        total = 0
        for instance in self.runtime.platform.instances(service=service, release=self.release):
            before = self._crashes_before.setdefault(instance.name, 0)
            total += instance.crashes - before
        return float(total)

    def _expression(self, trigger: Trigger, expression: Expression) -> float | None:
        history = self._scrape(trigger.service)
        over_s = trigger.over.total_seconds()
        if expression.gauge is not None:
            values = [v for v in _latest(history, expression.gauge) if v is not None]
            return sum(values) if values else None
        if expression.ratio is not None:
            part = _increase(history, expression.ratio[0], over_s)
            whole = _increase(history, expression.ratio[1], over_s)
            if whole is None or whole < max(1, trigger.min_requests):
                return None
            return 100.0 * (part or 0.0) / whole
        name = expression.rate or expression.increase
        if name is None:
            return None
        grown = _increase(history, name, over_s)
        if grown is None or expression.increase is not None:
            return grown
        return grown / over_s

    def _scrape(self, service: str) -> list[tuple[float, dict[str, Samples]]]:
        history = self._scrapes.setdefault(service, [])
        now = self.runtime.clock.now().timestamp()
        if history and now - history[-1][0] < _SCRAPE_EVERY_S:
            return history
        declared = fleets.service_of(self.runtime, self.release, service)
        seen: dict[str, Samples] = {}
        for instance in fleets.living(self.runtime, service, self.release):
            if instance.port is None or not declared.metrics_path:
                continue
            url = f"http://{instance.host}:{instance.port}{declared.metrics_path}"
            try:
                answer = http.request("GET", url, timeout_s=declared.probe_timeout_s)
            except ExternalError:
                continue
            if answer.status == 200:
                seen[instance.name] = parse_metrics(answer.text)
        history.append((now, seen))
        del history[:-1800]
        return history


def _latest(history: list[tuple[float, dict[str, Samples]]], name: str) -> list[float | None]:
    return [samples.total(name) for samples in history[-1][1].values()] if history else []


def _increase(
    history: list[tuple[float, dict[str, Samples]]], name: str, over_s: float
) -> float | None:
    """How much a counter grew over all instances; a smaller value means it began anew."""
    if len(history) < 2:
        return None
    end = history[-1][0]
    span = [entry for entry in history if entry[0] >= end - over_s]
    grown, seen = 0.0, False
    for (_, before), (_, after) in itertools.pairwise(span):
        for instance, samples in after.items():
            old, new = (
                before[instance].total(name) if instance in before else None,
                samples.total(name),
            )
            if old is None or new is None:
                continue
            seen = True
            grown += new - old if new >= old else new
    return grown if seen else None
