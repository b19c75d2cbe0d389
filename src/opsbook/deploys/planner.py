"""From what is live and what is wanted to a plan; pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opsbook.deploys.plan import Current, Fleet, Kind, Plan, Step
from opsbook.deploys.release import Release, ServiceRelease
from opsbook.deploys.strategies import bluegreen, canary, rolling
from opsbook.deploys.strategies.base import Shift
from opsbook.errors import NotFoundError, UsageError


@dataclass(frozen=True)
class StrategySettings:
    """One strategy with its numbers. ``surge`` and ``unavailable`` turn a size into a count."""

    name: str
    kind: str
    watch_s: float = 900.0
    every_s: float = 300.0
    shares: tuple[float | str, ...] = (5.0, 25.0, 50.0, 100.0)
    surge: Callable[[int], int] = field(default=lambda size: max(1, size // 4))
    unavailable: Callable[[int], int] = field(default=lambda _: 0)


@dataclass(frozen=True)
class Extras:
    """What a deployment does besides moving fleets."""

    migrates: bool = False
    backs_up: bool = False
    has_smoke: bool = False
    has_gates: bool = True


def deploy(
    current: Current,
    release: Release,
    strategies: Mapping[str, StrategySettings],
    extras: Extras,
    *,
    kind: str = "deploy",
) -> Plan:
    """The steps that make ``release`` live, or none when it is already.

    All new fleets are up and ready before any traffic shifts (rolling services start in
    batches instead); services shift in declared order; workers are replaced after them.
    Raises UsageError when services wait for each other in a circle.
    """
    names = ordered(release.services)
    used = _strategy_name([strategies[name] for name in names])
    if current.release == release.id and all(
        current.size(name) == release.services[name].size for name in names
    ):
        return Plan(kind, release.id, current.release, used, current.digest, ())
    steps = _before(release, extras)
    steps += _starts(names, release, strategies)
    if extras.has_smoke:
        steps.append(Step(Kind.SMOKE, release=release.id))
    for name in names:
        if not release.services[name].is_worker:
            steps += _shift(name, current, release, strategies[name])
    for name in names:
        if release.services[name].is_worker:
            steps += _replace_worker(name, current, release)
    steps += _after(names, current, release, strategies)
    return Plan(kind, release.id, current.release, used, current.digest, tuple(steps))


def _before(release: Release, extras: Extras) -> list[Step]:
    steps = [Step(Kind.GATE, release=release.id)] if extras.has_gates else []
    steps.append(Step(Kind.BUILD, release=release.id))
    if extras.migrates and extras.backs_up:
        steps.append(Step(Kind.BACKUP, release=release.id))
    if extras.migrates:
        steps.append(Step(Kind.MIGRATE, release=release.id))
    return steps


def _starts(
    names: Sequence[str], release: Release, strategies: Mapping[str, StrategySettings]
) -> list[Step]:
    early = [
        release.services[name]
        for name in names
        if not release.services[name].is_worker and strategies[name].kind != "rolling"
    ]
    steps = [Step(Kind.START, s.name, release.id, size=s.size) for s in early if s.size]
    steps += [Step(Kind.READY, s.name, release.id) for s in early if s.size]
    return steps


def _shift(name: str, current: Current, release: Release, settings: StrategySettings) -> list[Step]:
    size = release.services[name].size
    move = Shift(name, current.release, release.id, current.size(name), size)
    if settings.kind == "canary":
        return canary.shift(move, steps=settings.shares, every_s=settings.every_s)
    if settings.kind == "blue-green":
        return bluegreen.shift(move)
    return rolling.shift(move, surge=settings.surge(size), unavailable=settings.unavailable(size))


def _replace_worker(name: str, current: Current, release: Release) -> list[Step]:
    service: ServiceRelease = release.services[name]
    start = [
        Step(Kind.START, name, release.id, size=service.size),
        Step(Kind.READY, name, release.id),
    ]
    stop = [Step(Kind.STOP, name, current.release)] if current.size(name) else []
    if not service.size:
        return stop
    return [*stop, *start] if service.exclusive else [*start, *stop]


def _after(
    names: Sequence[str],
    current: Current,
    release: Release,
    strategies: Mapping[str, StrategySettings],
) -> list[Step]:
    steps: list[Step] = []
    # Workers follow the services that users see; alone they bring their own watch.
    seen = [name for name in names if not release.services[name].is_worker] or names
    watch_s = max((strategies[name].watch_s for name in seen), default=0.0)
    if current.release and watch_s > 0:
        steps.append(Step(Kind.WATCH, release=release.id, seconds=watch_s, against=current.release))
    workers = {name for name in names if release.services[name].is_worker}
    for fleet in current.fleets:
        if fleet.size and fleet.release != release.id and fleet.service not in workers:
            steps.append(Step(Kind.STOP, fleet.service, fleet.release))
    steps.append(Step(Kind.RETIRE, release=release.id, against=current.release))
    return steps


def scale(current: Current, sizes: Mapping[str, int]) -> Plan:
    """More or fewer instances of the live release. Raises NotFoundError for a service
    that is not live."""
    steps: list[Step] = []
    release = current.release
    for service, size in sizes.items():
        if service not in {f.service for f in current.fleets}:
            raise NotFoundError(
                f"no live service {service!r}", hint="`opsbook status` shows what is live"
            )
        have = current.size(service)
        if size > have:
            steps.append(Step(Kind.START, service, release, size=size))
            steps.append(Step(Kind.READY, service, release))
            if service in current.routed:
                steps.append(Step(Kind.SHARES, service, release, shares={release: 100.0}))
        elif size < have:
            steps.append(Step(Kind.STOP, service, release, size=size))
    return Plan("scale", release, release, "", current.digest, tuple(steps))


def restart(current: Current, instances: Mapping[str, Sequence[str]]) -> Plan:
    """Replace the named instances, service by service, one after the other."""
    steps = tuple(
        Step(Kind.REPLACE, service, current.release, instances=tuple(names))
        for service, names in instances.items()
        if names
    )
    return Plan("restart", current.release, current.release, "", current.digest, steps)


def ordered(services: Mapping[str, ServiceRelease]) -> list[str]:
    """Names so that each comes after those in its ``after``.

    Raises UsageError for a circle.
    """
    done: list[str] = []
    waiting = list(services)
    while waiting:
        free = [
            n for n in waiting if all(a in done or a not in services for a in services[n].after)
        ]
        if not free:
            raise UsageError(
                f"services wait for each other: {', '.join(waiting)}", hint="mend `after:`"
            )
        done.append(free[0])
        waiting.remove(free[0])
    return done


def _strategy_name(used: Sequence[StrategySettings]) -> str:
    return ", ".join(dict.fromkeys(settings.name for settings in used))


def current_of(raw: Mapping[str, Any]) -> Current:
    """The state a stored plan was made for, from its JSON."""
    fleets = tuple(Fleet(**fleet) for fleet in raw["fleets"])
    return Current(raw["release"], fleets, tuple(raw["routed"]))
