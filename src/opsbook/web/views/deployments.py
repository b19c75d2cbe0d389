"""Plans and deployments over HTTP."""

from typing import Any

from opsbook.deploys import commands, progress
from opsbook.deploys.records import Deployments
from opsbook.web.render import Call


def plan(call: Call) -> Any:
    """The very steps a deployment would take now; nothing is changed."""
    return commands.plan(call.runtime, _request(call)).as_dict()


def start(call: Call) -> Any:
    """Start a deployment, rollback, scaling or restart."""
    deployment_id = commands.start(call.runtime, _request(call), expected=call.text("plan"))
    return progress.summary(call.runtime, deployment_id)


def index(call: Call) -> Any:
    """The latest deployments."""
    rows = Deployments(call.runtime.database).latest(int(call.number("limit", 20) or 20))
    return {"deployments": [progress.row_dict(row) for row in rows]}


def show(call: Call) -> Any:
    """One deployment with its steps."""
    return progress.summary(call.runtime, call.path["id"])


def follow(call: Call) -> Any:
    """Snapshots while it runs; the last one has its outcome."""
    return progress.follow(call.runtime, call.path["id"])


def command(call: Call) -> Any:
    """promote, abort or pause."""
    commands.tell(call.runtime, call.path["id"], call.path["command"], actor=call.text("actor"))
    return progress.summary(call.runtime, call.path["id"])


def _request(call: Call) -> commands.Request:
    body = call.body
    return commands.Request(
        kind=call.text("kind", "deploy"),
        ref=call.text("ref"),
        strategy=call.text("strategy"),
        services=call.texts("services"),
        sizes={str(k): int(v) for k, v in dict(body.get("sizes", {})).items()},
        ticks=call.texts("ticks"),
        confirmed=call.flag("confirmed"),
        force=call.flag("force"),
        instance=call.text("instance"),
        actor=call.text("actor"),
        environ={str(k): str(v) for k, v in dict(body.get("environ", {})).items()},
    )
