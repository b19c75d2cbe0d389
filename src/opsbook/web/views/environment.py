"""What runs, and how it is, over HTTP."""

import os
from typing import Any

from opsbook import __version__
from opsbook.deploys import environment
from opsbook.web.render import Call


def ping(call: Call) -> Any:
    """That the daemon is there."""
    return {"pid": os.getpid(), "version": __version__, "project": call.runtime.config.project}


def status(call: Call) -> Any:
    """What runs, which release, who gets traffic."""
    return environment.status(call.runtime)


def health(call: Call) -> Any:
    """Every check now."""
    return environment.health(call.runtime, detailed=call.flag("detailed")).as_dict()


def up(call: Call) -> Any:
    """Start what is live."""
    environ = {str(k): str(v) for k, v in dict(call.body.get("environ", {})).items()}
    return environment.up(call.runtime, environ=environ, actor=call.text("actor"))


def down(call: Call) -> Any:
    """Stop everything of this environment; the daemon ends after it has answered."""
    answer = environment.down(call.runtime, actor=call.text("actor"))
    call.end()
    return answer
