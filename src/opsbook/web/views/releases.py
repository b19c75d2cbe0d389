"""Releases over HTTP."""

from typing import Any

from opsbook.deploys import releases
from opsbook.web.render import Call


def index(call: Call) -> Any:
    """The kept releases, newest first."""
    return {"releases": releases.index(call.runtime)}


def show(call: Call) -> Any:
    """One release in full."""
    return releases.show(call.runtime, call.path["id"])


def diff(call: Call) -> Any:
    """What changed from one release to another."""
    return {"changes": releases.changes(call.runtime, call.path["id"], call.path["other"])}
