"""What a person asks for: a plan, a start, a word to a running deployment."""

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from opsbook.deploys import checks, compose, fleets, live, planner
from opsbook.deploys.analysis import stated_need
from opsbook.deploys.plan import Current, Kind, Plan, from_dict, render, undo
from opsbook.deploys.records import DeploymentRow, Deployments, ReleaseRow, Releases
from opsbook.deploys.release import Release, decode, encode, name_release
from opsbook.errors import ConflictError, NotFoundError, RefusedError, UsageError
from opsbook.runtime import Runtime

WORKFLOW = "deploys.deploy"
COMMANDS = ("promote", "abort", "pause")


@dataclass(frozen=True)
class Request:
    """One wish: deploy, rollback, scale or restart, with its details."""

    kind: str
    ref: str = ""
    strategy: str = ""
    services: tuple[str, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)
    ticks: tuple[str, ...] = ()
    confirmed: bool = False
    force: bool = False
    instance: str = ""
    actor: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)

    def stored(self) -> dict[str, Any]:
        """What is kept: everything but the caller's variables."""
        kept = asdict(self)
        del kept["environ"]
        return kept


@dataclass(frozen=True)
class Answer:
    """A plan with the release it is for."""

    plan: Plan
    current: Current
    release: Release | None = None

    def as_dict(self) -> dict[str, Any]:
        body = self.plan.as_dict()
        return {"plan": self.plan.id, **body, "text": render(self.plan)}


def plan(runtime: Runtime, request: Request) -> Answer:
    """The steps this request would take now; nothing is changed.

    Raises UsageError, NotFoundError, ConfigProblems or RefusedError.
    """
    runtime.refresh(request.environ)
    makers = {
        "deploy": _plan_deploy,
        "rollback": _plan_rollback,
        "scale": _plan_scale,
        "restart": _plan_restart,
    }
    if request.kind not in makers:
        raise UsageError(f"{request.kind!r} is no kind of deployment")
    return makers[request.kind](runtime, request)


def start(runtime: Runtime, request: Request, *, expected: str = "") -> str:
    """Start it; the id of the deployment. ``expected`` is the id of the plan that was shown.

    Raises ConflictError for a stale plan or while another deployment runs, RefusedError
    when a gate is open. A rollback during a deployment is its abort: the old fleet is
    warm, so traffic is back at once.
    """
    records = Deployments(runtime.database)
    active = records.active()
    if request.kind == "rollback" and active is not None and active.kind == "deploy":
        tell(runtime, active.id, "abort", actor=request.actor)
        return active.id
    answer = plan(runtime, request)
    if expected and expected != answer.plan.id:
        raise ConflictError(
            "the plan is stale: something changed since it was printed",
            hint="look at the new plan and start again",
            subject=request.kind,
        )
    if not answer.plan.steps:
        raise ConflictError("nothing to do: it is already as you ask", subject=request.kind)
    if answer.release is not None and request.kind == "deploy":
        items = checks.checklist(
            runtime, answer.release, ticks=request.ticks, confirmed=request.confirmed
        )
        checks.refuse_open(items)
    return _begin(runtime, request, answer)


def _begin(runtime: Runtime, request: Request, answer: Answer) -> str:
    now = runtime.clock.now()
    deployment_id = f"d-{secrets.token_hex(3)}"
    row = DeploymentRow(
        id=deployment_id,
        kind=request.kind,
        release=answer.plan.release,
        previous=answer.plan.previous,
        status="starting",
        outcome="",
        reason="",
        actor=request.actor,
        created_at=now,
        ended_at=None,
        request=request.stored(),
        plan={"plan": answer.plan.as_dict(), "current": asdict(answer.current)},
        result={},
        command="",
    )
    Deployments(runtime.database).add(row)
    if answer.release is not None:
        Releases(runtime.database).add(_row(runtime, answer.release))
    runtime.engine.start(WORKFLOW, deployment_id, deployment_id)
    return deployment_id


def tell(runtime: Runtime, deployment_id: str, command: str, *, actor: str) -> None:
    """promote, abort or pause a running deployment.

    Raises ConflictError when it is over, UsageError for another word.
    """
    if command not in COMMANDS:
        raise UsageError(f"{command!r} is no command", hint=f"known: {', '.join(COMMANDS)}")
    records = Deployments(runtime.database)
    row = records.active() if deployment_id == "latest" else records.get(deployment_id)
    if row is None or row.is_over:
        raise ConflictError("no deployment is under way", hint="`opsbook deployment list`")
    records.update(row.id, command=command)
    runtime.record(f"{row.kind}.{command}", subject=row.id, actor=actor)


def _plan_deploy(runtime: Runtime, request: Request) -> Answer:
    config = runtime.config
    current = live.current(runtime)
    records = Releases(runtime.database)
    shown = live.live_release(runtime)
    release, _ = compose.compose(
        config, request.ref, number=records.next_number(), only=request.services, live=shown
    )
    known = records.by_digest(release.digest)
    if known is not None:
        stored = decode(known.document)
        release = name_release(stored.number, release.label or stored.label, release.services)
    strategies = {
        name: compose.strategy_settings(config, name, request.strategy) for name in release.services
    }
    extras = planner.Extras(
        migrates=config.migrations is not None,
        backs_up=False,
        has_smoke=bool(config.smoke),
    )
    made = planner.deploy(current, release, strategies, extras)
    return Answer(_noted(runtime, request, made), current, release)


def _noted(runtime: Runtime, request: Request, made: Plan) -> Plan:
    notes = []
    for service in dict.fromkeys(s.service for s in made.steps if s.kind is Kind.ANALYSE):
        settings = compose.analysis_settings(runtime.config, service, request.strategy)
        notes.append(
            f"{service} is judged once the new release has answered {settings.min_requests} "
            f"requests; to notice 5 % failures against 0.5 % takes about {stated_need(settings)}"
        )
    limited = [n for n, s in runtime.config.services.items() if s.resources.cpu is not None]
    if limited and runtime.platform.name == "process":
        notes.append(f"plain processes have no CPU limit; not enforced for {', '.join(limited)}")
    notes += getattr(runtime.router, "caveats", ())
    return replace(made, notes=tuple(notes))


def _plan_rollback(runtime: Runtime, request: Request) -> Answer:
    active = Deployments(runtime.database).active()
    if active is not None and active.kind == "deploy":
        return _plan_abort(runtime, active)
    current = live.current(runtime)
    if not current.release:
        raise NotFoundError("nothing is live yet", hint="`opsbook deploy` comes first")
    target = _rollback_target(runtime, request.ref, current.release)
    _refuse_one_way(runtime, target, current.release)
    strategies = {
        name: planner.StrategySettings("blue-green", "blue-green", watch_s=0.0)
        for name in target.services
    }
    extras = planner.Extras(has_gates=False)
    made = planner.deploy(current, target, strategies, extras, kind="rollback")
    return Answer(made, current, target)


def _plan_abort(runtime: Runtime, active: DeploymentRow) -> Answer:
    """A rollback while a deployment runs ends it: the old fleet is still warm."""
    current = planner.current_of(active.plan["current"])
    running = from_dict(active.plan["plan"])
    reached = len(Deployments(runtime.database).steps(active.id)) - 1
    steps = undo(running, current, reached)
    note = f"ends {active.id}, which is under way"
    made = Plan("rollback", running.previous, running.release, "", current.digest, steps, (note,))
    return Answer(made, current)


def _rollback_target(runtime: Runtime, ref: str, live_id: str) -> Release:
    records = Releases(runtime.database)
    if ref:
        row = records.get(ref)
    else:
        before = [
            d.previous
            for d in Deployments(runtime.database).latest(500)
            if d.outcome == "promoted" and d.release == live_id and d.previous not in ("", live_id)
        ]
        if not before:
            raise NotFoundError(
                "there is no release before the live one", hint="name one: --to RELEASE"
            )
        row = records.get(before[0])
    if row.status == "expired":
        raise NotFoundError(
            f"{row.id} was let go", hint="deploy its revision again: opsbook deploy " + row.label
        )
    return decode(row.document)


def _refuse_one_way(runtime: Runtime, target: Release, live_id: str) -> None:
    records = Releases(runtime.database)
    highest = records.get(live_id).number
    for name in live.no_return(runtime):
        number = records.get(name).number
        if target.number < number <= highest:
            raise RefusedError(
                f"the migration of {name} cannot be undone, so {target.id} no longer fits the "
                "database",
                hint="mend forward: deploy a corrected release",
                subject="rollback",
            )


def _plan_scale(runtime: Runtime, request: Request) -> Answer:
    current = live.current(runtime)
    if not current.release:
        raise NotFoundError("nothing is live yet", hint="`opsbook deploy` comes first")
    return Answer(planner.scale(current, request.sizes), current)


def _plan_restart(runtime: Runtime, request: Request) -> Answer:
    current = live.current(runtime)
    names: dict[str, list[str]] = {}
    wanted = request.services or tuple(f.service for f in current.fleets)
    for service in wanted:
        if service not in {f.service for f in current.fleets}:
            raise NotFoundError(f"no live service {service!r}", hint="`opsbook status`")
        alive = fleets.living(runtime, service, current.release)
        names[service] = [
            i.name for i in alive if not request.instance or i.name == request.instance
        ]
    if request.instance and not any(names.values()):
        raise NotFoundError(f"no instance {request.instance!r}", hint="`opsbook status`")
    return Answer(planner.restart(current, names), current)


def _row(runtime: Runtime, release: Release) -> ReleaseRow:
    return ReleaseRow(
        id=release.id,
        number=release.number,
        label=release.label,
        digest=release.digest,
        document=encode(release),
        status="built",
        created_at=runtime.clock.now(),
    )
