"""One-off commands in a release's code and environment."""

from collections.abc import Mapping, Sequence
from typing import Any

from opsbook.config.masking import Secret, mask
from opsbook.deploys import fleets, live
from opsbook.deploys.launch import fleet_spec
from opsbook.errors import NotFoundError, UsageError
from opsbook.runtime import Runtime


def execute(
    runtime: Runtime,
    *,
    service: str,
    argv: Sequence[str],
    release: str = "",
    environ: Mapping[str, str],
    timeout_s: float | None = None,
) -> dict[str, Any]:
    """Run ``argv`` as a process of its own; output is masked.

    Raises NotFoundError when nothing is live, UsageError without a command.
    """
    if not argv:
        raise UsageError("no command", hint="opsbook exec api -- python -m shop.seed")
    runtime.refresh(environ)
    release_id = release or live.read(runtime).release
    if not release_id:
        raise NotFoundError("nothing is live yet", hint="`opsbook deploy` comes first")
    release_id = live.load_release(runtime, release_id).id
    declared = fleets.service_of(runtime, release_id, service)
    spec = fleet_spec(runtime, release_id, declared, 0)
    runtime.record("exec.started", subject=service, release=release_id, command=argv[0])
    result = runtime.platform.execute(spec, argv, timeout_s=timeout_s)
    secrets = [Secret(value) for value in spec.secret_env.values()]
    return {
        "code": result.code,
        "output": mask(result.output, secrets),
        "took_s": round(result.took_s, 3),
        "timed_out": result.timed_out,
    }
