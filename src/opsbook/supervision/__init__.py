"""Processes that outlive the daemon: started, adopted, restarted and stopped by a small shim.

Platforms, the proxy and embedded datastores all start their processes here. See
docs/decisions/0001-supervision-room.md.
"""

from opsbook.supervision.base import ProcessExit, ProcessSpec, ProcessState, StopReport
from opsbook.supervision.supervisor import Supervisor
from opsbook.supervision.unprivileged import run_unprivileged

__all__ = [
    "ProcessExit",
    "ProcessSpec",
    "ProcessState",
    "StopReport",
    "Supervisor",
    "run_unprivileged",
]
