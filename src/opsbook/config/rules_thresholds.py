"""Rules about thresholds: each can fire, and warns before it pages."""

from collections.abc import Iterator

from opsbook.config.model.threshold import METRICS, Condition, Expression, Threshold
from opsbook.config.problems import Steps, nearest
from opsbook.config.scene import Broken, Rule, Scene, exactly_one

_UNIT_EXAMPLES = {
    "percent": '"> 5%"',
    "seconds": '"> 300ms"',
    "bytes": '"> 2Gi"',
    "count": '"> 100"',
    "per_second": '"< 5/s"',
    "days": '"< 14d"',
    "state": "failing",
}
_RELATIVE = ("drops by", "rises by")
_BOUNDED = ("error_rate", "cache_hit_ratio", "disk")


def each(scene: Scene) -> Iterator[Broken]:
    """Every threshold by itself."""
    for name, threshold in scene.config.thresholds.items():
        here = ("thresholds", name)
        yield from _metric(here, threshold)
        if not threshold.warning and not threshold.critical:
            yield Broken(here, "can never fire", 'add warning: "…" or critical: "…"')
        if threshold.units:
            for key, limit in threshold.limits.items():
                yield from _unit((*here, key), threshold, limit)
                yield from _reachable((*here, key), threshold, limit)
        yield from _order(here, threshold)


def rollback_fires(scene: Scene) -> Iterator[Broken]:
    """What sends a deployment back has a critical limit."""
    for name in scene.config.rollback_on:
        threshold = scene.config.thresholds.get(name)
        if threshold is not None and threshold.critical is None:
            message = f"{name} has no critical limit and can never roll back"
            yield Broken(("rollback_on",), message, f"add critical to thresholds.{name}")


def _metric(here: Steps, threshold: Threshold) -> Iterator[Broken]:
    if threshold.expression is not None:
        kinds = tuple(Expression.model_fields)
        yield from exactly_one((*here, "metric"), threshold.expression, kinds)
        quantile = threshold.expression.quantile
        if quantile and not _is_quantile(quantile):
            hint = "such as 0.95 checkout_seconds"
            yield Broken((*here, "metric", "quantile"), "needs a quantile and a name", hint)
    elif threshold.metric_name not in METRICS:
        hint = nearest(threshold.metric_name, METRICS)
        if not hint.startswith("did"):
            hint = "add metric: a built-in name, or {ratio: [failed_total, all_total]}"
        yield Broken(here, f"{threshold.metric_name} is not a metric Opsbook knows", hint)


def _is_quantile(text: str) -> bool:
    number, _, name = text.strip().partition(" ")
    try:
        return 0 < float(number) < 1 and bool(name.strip())
    except ValueError:
        return False


def _unit(steps: Steps, threshold: Threshold, limit: Condition) -> Iterator[Broken]:
    units = threshold.units
    relative = limit.op in _RELATIVE and units != ("state",)
    if relative or limit.unit in units:
        return
    what = threshold.metric_name or "this number"
    examples = " or ".join(_UNIT_EXAMPLES[unit] for unit in units)
    yield Broken(steps, f"{limit.text!r} does not fit {what}", f"write it like {examples}")


def _reachable(steps: Steps, threshold: Threshold, limit: Condition) -> Iterator[Broken]:
    if steps[-1] == "target":
        return
    bounded = limit.unit == "percent" and _is_share(threshold)
    above = (limit.op == ">" and limit.value >= 100) or (limit.op == ">=" and limit.value > 100)
    if bounded and above:
        yield Broken(steps, f"{limit.text!r} can never happen", "it is at most 100%")
    if limit.op == "drops by" and limit.value > 100:
        yield Broken(steps, f"{limit.text!r} can never happen", "it drops by at most 100%")
    if limit.op == "<" and limit.value <= 0:
        yield Broken(steps, f"{limit.text!r} can never happen", "it is never below 0")


def _is_share(threshold: Threshold) -> bool:
    expression = threshold.expression
    return threshold.metric_name in _BOUNDED or bool(expression and expression.ratio)


def _order(here: Steps, threshold: Threshold) -> Iterator[Broken]:
    warning, critical = threshold.limit("warning"), threshold.limit("critical")
    clear = threshold.limit("clear")
    if warning and critical and warning.unit == critical.unit and warning.unit != "state":
        if warning.direction != critical.direction:
            message = "warning and critical look in opposite directions"
            yield Broken((*here, "warning"), message, "both > or both <")
        elif _past(warning, critical):
            message = f"warning {warning.text!r} is past critical {critical.text!r}"
            yield Broken((*here, "warning"), message, "a warning comes first: swap them")
    first = warning or critical
    if clear and first and first.direction and clear.direction == first.direction:
        hint = f'such as "{"<" if first.direction > 0 else ">"} …"'
        yield Broken((*here, "clear"), "clears in the direction of the alarm", hint)


def _past(warning: Condition, critical: Condition) -> bool:
    if (warning.op in _RELATIVE) != (critical.op in _RELATIVE):
        return False
    if warning.op in _RELATIVE:
        return warning.value > critical.value
    return (warning.value - critical.value) * warning.direction > 0


THRESHOLD_RULES: tuple[Rule, ...] = (each, rollback_fires)
