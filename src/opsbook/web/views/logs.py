"""Log lines and one-off commands over HTTP."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from opsbook.clock import parse_duration
from opsbook.deploys import oneoff
from opsbook.platforms.base import LogLine, LogQuery
from opsbook.state.database import to_text
from opsbook.web.render import Call


def read(call: Call) -> Any:
    """Matching lines, merged in time order."""
    return map(_line, call.runtime.platform.logs(_query(call)))


def follow(call: Call) -> Any:
    """Matching lines, then new ones as they come; null keeps the connection alive."""
    return _follow(call)


def _follow(call: Call) -> Iterator[Any]:
    for line in call.runtime.platform.follow(_query(call)):
        yield None if line is None else _line(line)


def execute(call: Call) -> Any:
    """Run a command in the live release's code and environment."""
    return oneoff.execute(
        call.runtime,
        service=call.text("service"),
        argv=call.texts("argv"),
        release=call.text("release"),
        environ=call.body.get("environ", {}),
        timeout_s=call.number("timeout_s"),
    )


def _query(call: Call) -> LogQuery:
    since = call.text("since")
    span: timedelta | None = parse_duration(since) if since else None
    tail = call.number("tail")
    return LogQuery(
        services=call.texts("service"),
        instances=call.texts("instance"),
        since=call.runtime.clock.now() - span if span else None,
        grep=call.text("grep"),
        tail=int(tail) if tail is not None else None,
    )


def _line(line: LogLine) -> dict[str, str]:
    return {
        "at": to_text(line.at),
        "service": line.service,
        "instance": line.instance,
        "stream": line.stream,
        "text": line.text,
    }
