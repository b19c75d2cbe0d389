"""What a running or ended deployment looks like: rows, snapshots, totals."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from opsbook.deploys.plan import Kind, from_dict
from opsbook.deploys.records import DeploymentRow, Deployments
from opsbook.runtime import Runtime
from opsbook.signals.requests import WindowStats
from opsbook.state.database import to_text

_EVERY_S = 0.4
_WAITS = (Kind.ANALYSE, Kind.WATCH)


def row_dict(row: DeploymentRow) -> dict[str, Any]:
    """One line of a list."""
    return {
        "deployment": row.id,
        "kind": row.kind,
        "release": row.release,
        "previous": row.previous,
        "status": row.status,
        "outcome": row.outcome,
        "reason": row.reason,
        "actor": row.actor,
        "created_at": to_text(row.created_at),
        "ended_at": to_text(row.ended_at) if row.ended_at else None,
    }


def summary(runtime: Runtime, deployment_id: str) -> dict[str, Any]:
    """Everything about one deployment now."""
    records = Deployments(runtime.database)
    row = records.get(deployment_id)
    steps = _latest_steps(records.steps(row.id))
    now = runtime.clock.now()
    numbers = dict(row.result) if row.is_over else totals(runtime, row, now)
    return {
        **row_dict(row),
        **numbers,
        "steps": steps,
        "coming": [] if row.is_over else _coming(row, steps),
        "traffic": _traffic(runtime),
        "left_s": None if row.is_over else _left(row, steps),
    }


def follow(runtime: Runtime, deployment_id: str) -> Iterator[dict[str, Any]]:
    """Snapshots until it is over; the last one has the outcome."""
    row = Deployments(runtime.database).get(deployment_id)
    while True:
        snapshot = summary(runtime, row.id)
        yield snapshot
        if snapshot["outcome"]:
            return
        runtime.clock.sleep(_EVERY_S)


def totals(runtime: Runtime, row: DeploymentRow, now: datetime) -> dict[str, Any]:
    """Requests and failures per release since it began, and the longest switch."""
    began = row.created_at
    requests: dict[str, dict[str, Any]] = {}
    for release in dict.fromkeys(name for name in (row.previous, row.release) if name):
        stats = WindowStats(0, 0, 0.0)
        for service in runtime.requests.services():
            servers = runtime.requests.servers(service, f"{service}-{release}-")
            stats += runtime.requests.window(service, servers, since=began.timestamp())
        if stats.total:
            p95 = stats.quantile_ms(0.95)
            requests[release] = {
                "total": stats.total,
                "failed": stats.failed,
                "p95_ms": None if p95 is None else round(p95, 1),
            }
    switches = [
        float(event.data["switch_ms"])
        for event in runtime.ledger.read(kinds=("traffic.shifted",), limit=100_000)
        if event.at >= began
    ]
    return {
        "duration_s": round((now - began).total_seconds(), 2),
        "switch_ms": max(switches) if switches else None,
        "requests": requests,
    }


def _latest_steps(steps: tuple[dict[str, Any], ...]) -> list[dict[str, Any]]:
    """One record a step: a step that was begun again after a restart shows once."""
    by_name = {step["name"]: step for step in steps}
    return list(by_name.values())


def _coming(row: DeploymentRow, steps: list[dict[str, Any]]) -> list[str]:
    plan = from_dict(row.plan["plan"])
    if any(step["name"].startswith("undo") for step in steps):
        return []
    return [step.describe() for step in plan.steps[len(steps) :]]


def _left(row: DeploymentRow, steps: list[dict[str, Any]]) -> float:
    """Time that is waited for still; starting and draining come on top."""
    plan = from_dict(row.plan["plan"])
    return sum(step.seconds for step in plan.steps[max(0, len(steps) - 1) :] if step.kind in _WAITS)


def _traffic(runtime: Runtime) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for service in runtime.config.services:
        shares = runtime.router.shares(service)
        if shares:
            found[service] = {share.release: share.percent for share in shares}
    return found
