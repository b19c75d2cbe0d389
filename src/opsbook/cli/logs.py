"""opsbook logs and opsbook exec."""

import sys
import zlib
from typing import Annotated, Any

from cyclopts import Parameter

from opsbook.cli import client, options, output

_PALETTE = ("blue", "green", "yellow", "red")


def logs(
    *services: str,
    follow: Annotated[bool, Parameter(name=["--follow", "-f"])] = False,
    since: str = "",
    grep: str = "",
    tail: int | None = None,
    instance: str = "",
) -> None:
    """Lines of all instances, merged in time order.

    Parameters
    ----------
    services:
        Only these services; none means all.
    follow:
        Go on as new lines come; Ctrl-C ends it.
    since:
        Only lines of the last 10m, 2h, 1d.
    grep:
        Only lines that match this regular expression.
    tail:
        Only the last so many lines.
    instance:
        Only this instance.
    """
    query = {
        "service": ",".join(services),
        "since": since,
        "grep": grep,
        "instance": instance,
        "tail": "" if tail is None else str(tail),
    }
    for line in client.stream("/api/logs/follow" if follow else "/api/logs", **query):
        if line is not None:
            _show(line)


def _show(line: dict[str, Any]) -> None:
    if options.current().json:
        import json

        output.line(json.dumps(line, ensure_ascii=False))
        return
    name = line["instance"] or line["service"]
    colour = _PALETTE[zlib.crc32(name.encode()) % len(_PALETTE)]
    output.line(f"{line['at'][11:23]} {output.paint(name, colour)} {line['text']}")


def execute(
    service: str, *command: Annotated[str, Parameter(allow_leading_hyphen=True)], release: str = ""
) -> int:
    """Run a command in a release's code and environment: opsbook exec api -- COMMAND.

    Parameters
    ----------
    service:
        Whose code and environment.
    command:
        The command and its arguments, after `--`.
    release:
        Another release than the live one.
    """
    body = {"service": service, "argv": list(command), "release": release}
    answer = client.post("/api/exec", body, timeout_s=86_400)
    output.result(answer, lambda a: a["output"].rstrip("\n"))
    sys.stdout.flush()
    return int(answer["code"]) if not options.current().json else 0
