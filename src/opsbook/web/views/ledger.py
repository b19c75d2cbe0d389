"""The audit log over HTTP."""

from typing import Any

from opsbook.web.render import Call


def index(call: Call) -> Any:
    """Events: the newest, or those after an id; filtered by kind and subject."""
    ledger = call.runtime.ledger
    kinds, subject = call.texts("kind"), call.text("subject")
    limit = int(call.number("limit", 50) or 50)
    after = call.number("after")
    if after is not None or kinds or subject:
        found = ledger.read(after=int(after or 0), kinds=kinds, subject=subject, limit=100_000)
        return {"events": [event.as_dict() for event in found[-limit:]]}
    return {"events": [event.as_dict() for event in ledger.latest(limit)]}


def verify(call: Call) -> Any:
    """Whether every seal of the ledger fits."""
    problem = call.runtime.ledger.verify()
    return {
        "intact": problem is None,
        "event": problem.event_id if problem else None,
        "message": problem.message if problem else "",
    }
