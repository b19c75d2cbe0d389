"""Plans: ordered steps as values. What is printed is what is run, and how to get back."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from opsbook.clock import format_duration


class Kind(StrEnum):
    """Everything a plan can do. Names are stored: none is changed or used again."""

    GATE = "gate"
    BUILD = "build"
    BACKUP = "backup"
    MIGRATE = "migrate"
    START = "start"
    READY = "ready"
    SMOKE = "smoke"
    SHARES = "shares"
    ANALYSE = "analyse"
    PAUSE = "pause"
    WATCH = "watch"
    STOP = "stop"
    REPLACE = "replace"
    RETIRE = "retire"


@dataclass(frozen=True)
class Step:
    """One act. Which fields matter depends on the kind.

    ``shares`` is ``{release: percent}``; ``size`` is how many instances should be there
    after a start or a stop; ``instances`` are named for a replacement.
    """

    kind: Kind
    service: str = ""
    release: str = ""
    size: int = 0
    shares: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    instances: tuple[str, ...] = ()
    against: str = ""

    def describe(self) -> str:
        """One line for people."""
        return _TEXTS[self.kind](self)

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "kind": self.kind.value, "text": self.describe()}


def _share_text(step: Step) -> str:
    parts = ", ".join(f"{percent:g} % to {release}" for release, percent in step.shares.items())
    return f"send {step.service} traffic: {parts}"


def _stop_text(step: Step) -> str:
    if step.size:
        return f"drain and stop {step.service} of {step.release} down to {step.size}"
    return f"drain and stop {step.service} of {step.release}"


_TEXTS: Mapping[Kind, Callable[[Step], str]] = {
    Kind.GATE: lambda _: "check the gates",
    Kind.BUILD: lambda s: f"build {s.release}",
    Kind.BACKUP: lambda _: "back up before the migration",
    Kind.MIGRATE: lambda s: f"migrate the database with {s.release}",
    Kind.START: lambda s: f"start {s.service} of {s.release}: {s.size} in all",
    Kind.READY: lambda s: f"wait until {s.service} of {s.release} is ready",
    Kind.SMOKE: lambda s: f"run the smoke tests against {s.release}",
    Kind.SHARES: _share_text,
    Kind.ANALYSE: lambda s: (
        f"compare {s.service} of {s.release} with {s.against or 'nothing'} "
        f"for {format_duration(s.seconds)}"
    ),
    Kind.PAUSE: lambda _: "wait for `opsbook promote`",
    Kind.WATCH: lambda s: (
        f"watch {s.release} for {format_duration(s.seconds)}"
        + (f", {s.against} stays warm" if s.against else "")
    ),
    Kind.STOP: _stop_text,
    Kind.REPLACE: lambda s: f"replace {s.service}: {', '.join(s.instances)}",
    Kind.RETIRE: lambda s: f"make {s.release} the live release",
}


@dataclass(frozen=True)
class Fleet:
    """How many instances of one release of one service there are."""

    service: str
    release: str
    size: int


@dataclass(frozen=True)
class Current:
    """What is live now: one release, its fleets, which services take requests."""

    release: str = ""
    fleets: tuple[Fleet, ...] = ()
    routed: tuple[str, ...] = ()

    def size(self, service: str) -> int:
        """Instances of the live release of a service."""
        return sum(
            f.size for f in self.fleets if f.service == service and f.release == self.release
        )

    @property
    def digest(self) -> str:
        """Fingerprint of the state a plan is made for."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Plan:
    """Steps for one request, bound to the state they were made for."""

    kind: str
    release: str
    previous: str
    strategy: str
    based_on: str
    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Digest of all that matters: the same plan has the same id."""
        text = json.dumps(self.as_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def as_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "release": self.release,
            "previous": self.previous,
            "strategy": self.strategy,
            "based_on": self.based_on,
            "steps": [step.as_dict() for step in self.steps],
            "notes": list(self.notes),
        }


def from_dict(raw: Mapping[str, Any]) -> Plan:
    """What :meth:`Plan.as_dict` gave."""
    return Plan(
        raw["kind"],
        raw["release"],
        raw["previous"],
        raw["strategy"],
        raw["based_on"],
        tuple(_step(item) for item in raw["steps"]),
        tuple(raw["notes"]),
    )


def _step(raw: Mapping[str, Any]) -> Step:
    values = {key: value for key, value in raw.items() if key != "text"}
    return Step(**{**values, "kind": Kind(values["kind"]), "instances": tuple(values["instances"])})


def render(plan: Plan) -> list[str]:
    """The plan as ``opsbook plan`` prints it."""
    title = f"{plan.kind} {plan.release}" + (f" over {plan.previous}" if plan.previous else "")
    lines = [f"{title} ({plan.strategy})" if plan.strategy else title]
    width = len(str(len(plan.steps)))
    lines += [f"  {n:>{width}}. {step.describe()}" for n, step in enumerate(plan.steps, 1)]
    lines += [f"  note: {note}" for note in plan.notes]
    return lines


@dataclass(frozen=True)
class Progress:
    """State in the middle of a plan: sizes by (service, release), shares by service."""

    sizes: Mapping[tuple[str, str], int]
    shares: Mapping[str, Mapping[str, float]]


def after(current: Current, steps: Iterable[Step]) -> Progress:
    """Where the world is once these steps are done, starting from ``current``."""
    sizes = {(f.service, f.release): f.size for f in current.fleets}
    shares: dict[str, Mapping[str, float]] = {
        service: {current.release: 100.0} for service in current.routed if current.release
    }
    for step in steps:
        key = (step.service, step.release)
        if step.kind is Kind.START:
            sizes[key] = max(sizes.get(key, 0), step.size)
        elif step.kind is Kind.STOP:
            sizes[key] = min(sizes.get(key, 0), step.size)
        elif step.kind is Kind.SHARES:
            shares[step.service] = dict(step.shares)
    return Progress(sizes, shares)


def undo(plan: Plan, current: Current, reached: int) -> tuple[Step, ...]:
    """The way back when step number ``reached`` (from 0) failed or was stopped.

    The step under way may have been done in part, so it counts as done. Traffic goes
    back first, to whatever old instances are still warm; then the old fleets are made
    whole; the new ones stop last. ``current`` is the state the plan was made for.
    """
    state = after(current, plan.steps[: reached + 1])
    old = plan.previous
    steps: list[Step] = []
    touched = [s.service for s in plan.steps[: reached + 1] if s.service]
    services = list(dict.fromkeys(touched))
    if plan.kind in ("scale", "restart"):
        return _undo_sizes(current, services, state)
    for service in services:
        warm = state.sizes.get((service, old), 0) > 0
        if warm and state.shares.get(service, {}).get(old) != 100.0 and service in state.shares:
            steps.append(Step(Kind.SHARES, service, old, shares={old: 100.0}))
    for service in services:
        steps += _restore_service(plan, current, service, state)
    return tuple(steps)


def _restore_service(plan: Plan, current: Current, service: str, state: Progress) -> list[Step]:
    old, new = plan.previous, plan.release
    wanted = current.size(service)
    steps: list[Step] = []
    short = state.sizes.get((service, old), 0) < wanted
    stop_new = Step(Kind.STOP, service, new) if state.sizes.get((service, new), 0) else None
    exclusive = service not in current.routed and stop_new is not None and short
    if exclusive and stop_new is not None:
        steps.append(stop_new)
        stop_new = None
    if short:
        steps += [
            Step(Kind.START, service, old, size=wanted),
            Step(Kind.READY, service, old),
        ]
        if service in current.routed:
            steps.append(Step(Kind.SHARES, service, old, shares={old: 100.0}))
    if stop_new is not None:
        steps.append(stop_new)
    return steps


def _undo_sizes(current: Current, services: Sequence[str], state: Progress) -> tuple[Step, ...]:
    steps: list[Step] = []
    for service in services:
        wanted, have = current.size(service), state.sizes.get((service, current.release), 0)
        if have > wanted:
            steps.append(Step(Kind.STOP, service, current.release, size=wanted))
        elif have < wanted:
            steps.append(Step(Kind.START, service, current.release, size=wanted))
            steps.append(Step(Kind.READY, service, current.release))
            if service in current.routed:
                shares = {current.release: 100.0}
                steps.append(Step(Kind.SHARES, service, current.release, shares=shares))
    return tuple(steps)
