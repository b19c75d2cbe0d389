"""opsbook plan, deploy, rollback, scale, restart and what steers a running deployment."""

from typing import Annotated, Any

from cyclopts import Parameter

from opsbook.cli import client, options, output
from opsbook.cli.following import follow_deployment
from opsbook.errors import UsageError

Services = Annotated[tuple[str, ...], Parameter(consume_multiple=True)]


def plan(ref: str = "", /, *, strategy: str = "", service: Services = ()) -> None:
    """Print the steps a deployment would take.

    Parameters
    ----------
    ref:
        A tag, branch or commit of the services' source; empty means what is there now.
    strategy:
        Another strategy than the one declared.
    service:
        Only these services.
    """
    body = {"kind": "deploy", "ref": ref, "strategy": strategy, "services": list(service)}
    output.result(client.post("/api/plans", body), lambda p: p["text"])


def deploy(
    ref: str = "",
    /,
    *,
    strategy: str = "",
    service: Services = (),
    tick: Services = (),
    detach: bool = False,
) -> int:
    """Put a revision live: planned, watched, reversible.

    Parameters
    ----------
    ref:
        A tag, branch or commit of the services' source; empty means what is there now.
    strategy:
        Another strategy than the one declared: rolling, blue-green, canary or your own.
    service:
        Only these services.
    tick:
        Manual items of the checklist that are done; -y ticks them all.
    detach:
        Start it and come back at once.
    """
    body = {"kind": "deploy", "ref": ref, "strategy": strategy, "services": list(service)}
    return _run({**body, "ticks": list(tick)}, f"Deploy {ref or 'what is there now'}?", detach)


def rollback(*, to: str = "", detach: bool = False) -> int:
    """Go back to the release before, or to another kept one.

    Parameters
    ----------
    to:
        A release by id, number or label.
    detach:
        Start it and come back at once.
    """
    return _run({"kind": "rollback", "ref": to}, f"Roll back to {to or 'the last'}?", detach)


def scale(*sizes: str, detach: bool = False) -> int:
    """Change how many instances a service has: opsbook scale api=3 worker=2.

    Parameters
    ----------
    sizes:
        service=count, one or several.
    detach:
        Start it and come back at once.
    """
    wanted: dict[str, int] = {}
    for word in sizes:
        name, equals, count = word.partition("=")
        if not equals or not count.isdigit():
            raise UsageError(f"{word!r} is not service=count", hint="opsbook scale api=3")
        wanted[name] = int(count)
    if not wanted:
        raise UsageError("nothing to scale", hint="opsbook scale api=3")
    return _run({"kind": "scale", "sizes": wanted}, f"Scale {' '.join(sizes)}?", detach)


def restart(*services: str, instance: str = "", force: bool = False, detach: bool = False) -> int:
    """Restart services one instance after the other, without losing a request.

    Parameters
    ----------
    services:
        Which; none means all.
    instance:
        Only this instance.
    force:
        All at once and without draining: requests in flight are lost.
    detach:
        Start it and come back at once.
    """
    body = {"kind": "restart", "services": list(services), "instance": instance, "force": force}
    return _run(body, f"Restart {instance or ', '.join(services) or 'every service'}?", detach)


def promote(deployment: str = "latest", /) -> None:
    """Let a paused or holding deployment go on."""
    _tell(deployment, "promote")


def abort(deployment: str = "latest", /) -> None:
    """End the running deployment and go back to the release before."""
    _tell(deployment, "abort")


def pause(deployment: str = "latest", /) -> None:
    """Hold the running deployment before its next step."""
    _tell(deployment, "pause")


def follow(deployment: str = "latest", /) -> int:
    """Attach to a running deployment."""
    return follow_deployment(deployment)


def list_deployments(*, limit: int = 20) -> None:
    """The latest deployments, newest first."""
    output.result(client.get("/api/deployments", limit=str(limit)), _table)


def show(deployment: str = "latest", /) -> None:
    """One deployment with its steps."""
    output.result(client.get(f"/api/deployments/{deployment}"), _details)


def _run(body: dict[str, Any], question: str, detach: bool) -> int:
    planned = client.post("/api/plans", body)
    if options.current().dry_run:
        output.result(planned, lambda p: p["text"])
        return 0
    if not planned["steps"]:
        output.result(planned, lambda _: "nothing to do: it is already as you ask")
        return 0
    if not options.current().yes:
        for line in planned["text"]:
            output.progress(line)
    output.confirm(question)
    body = {**body, "plan": planned["plan"], "confirmed": options.current().yes}
    started = client.post("/api/deployments", body)
    if detach:
        output.result(started, lambda d: f"{d['deployment']} started")
        return 0
    return follow_deployment(started["deployment"])


def _tell(deployment: str, command: str) -> None:
    answer = client.post(f"/api/deployments/{deployment}/{command}")
    output.result(answer, lambda d: f"{d['deployment']}: {command} noted")


def _table(answer: Any) -> list[str]:
    rows = [
        [
            d["deployment"],
            d["created_at"][:19].replace("T", " "),
            d["kind"],
            d["release"],
            d["outcome"] or d["status"],
            d["reason"],
        ]
        for d in answer["deployments"]
    ]
    headers = ["DEPLOYMENT", "STARTED (UTC)", "KIND", "RELEASE", "OUTCOME", "REASON"]
    return output.table(headers, rows) if rows else ["no deployment yet: `opsbook deploy`"]


def _details(d: Any) -> list[str]:
    head = f"{d['deployment']}  {d['kind']} of {d['release']}: {d['outcome'] or d['status']}"
    lines = [head + (f" ({d['reason']})" if d["reason"] else "")]
    rows = [
        [s["name"], s["status"], "" if s["took_s"] is None else f"{s['took_s']:.1f} s", s["detail"]]
        for s in d["steps"]
    ]
    return [*lines, "", *output.table(["STEP", "STATUS", "TOOK", "DETAIL"], rows)]
