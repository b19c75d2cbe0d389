"""opsbook maintenance: freezes and windows."""

from typing import Any

from opsbook.cli import client, output


def freeze(*, reason: str, duration: str = "1h", kind: str = "freeze") -> None:
    """Refuse deployments for a while.

    Parameters
    ----------
    reason:
        Why; shown to everybody who is refused.
    duration:
        How long: 30m, 2h, 3d.
    kind:
        freeze or maintenance.
    """
    answer = client.post("/api/windows", {"reason": reason, "for": duration, "kind": kind})
    output.result(answer, lambda w: f"{w['kind']} {w['window']} until {w['ends']}: {w['reason']}")


def list_windows() -> None:
    """Open and coming windows."""
    output.result(client.get("/api/windows"), _table)


def end(window: str) -> None:
    """End a window or freeze now.

    Parameters
    ----------
    window:
        Its id, as `opsbook maintenance list` shows it.
    """
    answer = client.post(f"/api/windows/{window}/end")
    output.result(answer, lambda w: f"{w['kind']} {w['window']} ended")


def _table(answer: Any) -> list[str]:
    if not answer["windows"]:
        return ["no freeze and no maintenance window"]
    rows = [
        [w["window"], w["kind"], w["starts"], w["ends"], w["reason"]] for w in answer["windows"]
    ]
    return output.table(["WINDOW", "KIND", "STARTS", "ENDS", "REASON"], rows)
