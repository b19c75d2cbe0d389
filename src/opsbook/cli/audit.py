"""opsbook audit: the ledger."""

from typing import Any

from opsbook.cli import client, output
from opsbook.errors import FailedError


def audit(*, limit: int = 50, kind: str = "", subject: str = "", verify: bool = False) -> None:
    """The ledger of every change, oldest first.

    Parameters
    ----------
    limit:
        How many events, the newest.
    kind:
        Only this kind; `deploy.*` takes all of a family.
    subject:
        Only events about this deployment, release or window.
    verify:
        Check that nothing in the ledger was changed afterwards.
    """
    if verify:
        answer = client.get("/api/events/verify")
        output.result(answer, lambda a: "the ledger is intact" if a["intact"] else "")
        if not answer["intact"]:
            raise FailedError(f"event {answer['event']} {answer['message']}", subject="ledger")
        return
    answer = client.get("/api/events", limit=str(limit), kind=kind, subject=subject)
    output.result(answer, lambda a: [_line(event) for event in a["events"]])


def _line(event: dict[str, Any]) -> str:
    facts = " ".join(f"{k}={v}" for k, v in event["data"].items() if v not in ("", None))
    when = event["at"][:19].replace("T", " ")
    return (
        f"{when}  {event['kind']:<22} {event['subject']:<14} {event['actor']:<10} {facts}".rstrip()
    )
