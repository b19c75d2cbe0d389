"""Maintenance windows and freezes opened by hand; "is it open now?"."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

from opsbook.errors import NotFoundError, UsageError
from opsbook.state.database import Database, from_text, to_text
from opsbook.state.events import append_in
from opsbook.state.tables import windows

KINDS = ("freeze", "maintenance")


@dataclass(frozen=True)
class Window:
    """A span of time with a meaning: nothing is deployed, or work is announced."""

    id: str
    kind: str
    reason: str
    starts: datetime
    ends: datetime
    opened_by: str
    closed_at: datetime | None = None

    def is_open(self, now: datetime) -> bool:
        return self.closed_at is None and self.starts <= now < self.ends

    def as_dict(self) -> dict[str, Any]:
        return {
            "window": self.id,
            "kind": self.kind,
            "reason": self.reason,
            "starts": to_text(self.starts),
            "ends": to_text(self.ends),
            "opened_by": self.opened_by,
            "closed_at": to_text(self.closed_at) if self.closed_at else None,
        }


class Windows:
    """Open, list and end windows; each change is in the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, window: Window, *, now: datetime) -> Window:
        """Write a window. Raises UsageError when it ends before it starts."""
        if window.kind not in KINDS:
            raise UsageError(f"{window.kind!r} is no kind of window", hint="freeze or maintenance")
        if window.ends <= window.starts or window.ends <= now:
            raise UsageError("the window would already be over", hint="give a later end")
        with self._database.begin() as connection:
            connection.execute(
                insert(windows).values(
                    id=window.id,
                    kind=window.kind,
                    reason=window.reason,
                    starts=to_text(window.starts),
                    ends=to_text(window.ends),
                    opened_by=window.opened_by,
                )
            )
            append_in(
                connection,
                f"{window.kind}.opened",
                at=now,
                subject=window.id,
                actor=window.opened_by,
                data={"reason": window.reason, "ends": to_text(window.ends)},
            )
        return window

    def end(self, window_id: str, *, actor: str, now: datetime) -> Window:
        """Close a window now. Raises NotFoundError for an unknown one."""
        with self._database.begin() as connection:
            row = connection.execute(select(windows).where(windows.c.id == window_id)).first()
            if row is None:
                raise NotFoundError(
                    f"no window {window_id}", hint="`opsbook maintenance list` shows them"
                )
            connection.execute(
                update(windows).where(windows.c.id == window_id).values(closed_at=to_text(now))
            )
            append_in(
                connection, f"{row.kind}.ended", at=now, subject=window_id, actor=actor, data={}
            )
        return _window(row)

    def current_and_coming(self, now: datetime) -> tuple[Window, ...]:
        """Windows that are open or still to come, by start."""
        query = (
            select(windows)
            .where(windows.c.closed_at.is_(None), windows.c.ends > to_text(now))
            .order_by(windows.c.starts)
        )
        with self._database.connect() as connection:
            return tuple(_window(row) for row in connection.execute(query))

    def freeze(self, now: datetime) -> Window | None:
        """The freeze that is open now, if any."""
        found = [w for w in self.current_and_coming(now) if w.kind == "freeze" and w.is_open(now)]
        return found[0] if found else None


def new_window(kind: str, reason: str, span: tuple[datetime, datetime], actor: str) -> Window:
    """A window with a fresh id."""
    return Window(f"w-{secrets.token_hex(4)}", kind, reason, span[0], span[1], actor)


def _window(row: Any) -> Window:
    return Window(
        id=row.id,
        kind=row.kind,
        reason=row.reason,
        starts=from_text(row.starts),
        ends=from_text(row.ends),
        opened_by=row.opened_by,
        closed_at=from_text(row.closed_at) if row.closed_at else None,
    )
