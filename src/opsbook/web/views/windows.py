"""Maintenance windows and freezes over HTTP."""

from typing import Any

from opsbook.clock import parse_duration
from opsbook.errors import UsageError
from opsbook.state.windows import Windows, new_window
from opsbook.web.render import Call


def index(call: Call) -> Any:
    """Open and coming windows."""
    found = Windows(call.runtime.database).current_and_coming(call.runtime.clock.now())
    return {"windows": [window.as_dict() for window in found]}


def open_window(call: Call) -> Any:
    """Open a freeze or a maintenance window from now on, for a while."""
    reason = call.text("reason").strip()
    if not reason:
        raise UsageError("a window needs a reason", hint='such as --reason "Black Friday"')
    now = call.runtime.clock.now()
    span = (now, now + parse_duration(call.text("for", "1h")))
    window = new_window(call.text("kind", "freeze"), reason, span, call.text("actor"))
    return Windows(call.runtime.database).open(window, now=now).as_dict()


def end(call: Call) -> Any:
    """End a window now."""
    windows = Windows(call.runtime.database)
    now = call.runtime.clock.now()
    return windows.end(call.path["id"], actor=call.text("actor"), now=now).as_dict()
