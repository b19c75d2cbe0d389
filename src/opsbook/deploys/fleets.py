"""Acts on fleets: start, wait until ready, share traffic, drain and stop. All idempotent."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from opsbook import http
from opsbook.deploys.drain import DrainWindows, may_close
from opsbook.deploys.launch import fleet_spec
from opsbook.deploys.live import load_release
from opsbook.deploys.release import ServiceRelease
from opsbook.errors import ExternalError, FailedError, NotFoundError
from opsbook.platforms.base import Instance, InstanceStatus
from opsbook.runtime import Runtime
from opsbook.traffic.base import FleetShare, Server, SwitchReport

_POLL_S = 0.05
_SETTLED_S = 0.5
_LIVING = (InstanceStatus.STARTING, InstanceStatus.RUNNING, InstanceStatus.BACKOFF)


def service_of(runtime: Runtime, release_id: str, service: str) -> ServiceRelease:
    """The service as it is in a release. Raises NotFoundError."""
    release = load_release(runtime, release_id)
    if service not in release.services:
        raise NotFoundError(f"{release_id} has no service {service}")
    return release.services[service]


def living(runtime: Runtime, service: str, release_id: str) -> tuple[Instance, ...]:
    """Instances that run or will run again, oldest first."""
    found = runtime.platform.instances(service=service, release=release_id)
    alive = [i for i in found if i.status in _LIVING]
    return tuple(sorted(alive, key=lambda i: int(i.name.rpartition("-")[2])))


def start(runtime: Runtime, service: str, release_id: str, size: int) -> None:
    """Make sure ``size`` instances exist; never stops any."""
    declared = service_of(runtime, release_id, service)
    runtime.platform.ensure(fleet_spec(runtime, release_id, declared, size))


def await_ready(runtime: Runtime, service: str, release_id: str) -> str:
    """Wait until every instance of the fleet is ready; says how long it took.

    Raises FailedError as soon as one crashes, or when the time is up.
    """
    declared = service_of(runtime, release_id, service)
    began = runtime.clock.monotonic()
    last = "no instance"
    while True:
        instances = runtime.platform.instances(service=service, release=release_id)
        _refuse_crashed(runtime, [i for i in instances if i.status is not InstanceStatus.STOPPING])
        alive = [i for i in instances if i.status in _LIVING]
        unready = unready_reasons(alive, declared)
        if alive and not unready and _settled(runtime, declared, began):
            return f"{len(alive)} ready in {runtime.clock.monotonic() - began:.1f} s"
        last = next(iter(unready.values()), last)
        if runtime.clock.monotonic() - began > declared.start_timeout_s:
            raise FailedError(
                f"{service} of {release_id} was not ready within "
                f"{declared.start_timeout_s:g} s: {last}",
                hint=f"`opsbook logs {service}` shows what it said",
                subject="ready",
            )
        runtime.clock.sleep(_POLL_S)


def _settled(runtime: Runtime, declared: ServiceRelease, began: float) -> bool:
    """Without a probe, an instance counts as ready once it has stayed up for a moment."""
    return bool(declared.ready_path) or runtime.clock.monotonic() - began >= _SETTLED_S


def _refuse_crashed(runtime: Runtime, instances: Sequence[Instance]) -> None:
    for instance in instances:
        if instance.crashes or instance.status in (InstanceStatus.EXITED, InstanceStatus.LOST):
            raise FailedError(
                f"{instance.name} ended at start ({_exit_words(instance)})"
                + _last_words(runtime, instance),
                hint=f"`opsbook logs --instance {instance.name}` shows all it said",
                subject="ready",
            )


def _exit_words(instance: Instance) -> str:
    ended = instance.last_exit
    if ended is None:
        return instance.status.value
    if ended.reason:
        return ended.reason
    return f"exit code {ended.code}" if ended.code is not None else f"signal {ended.signal}"


def _last_words(runtime: Runtime, instance: Instance) -> str:
    from opsbook.platforms.base import LogQuery

    lines = list(runtime.platform.logs(LogQuery(instances=(instance.name,), tail=1)))
    return f": {lines[0].text[:200]}" if lines else ""


def unready_reasons(instances: Sequence[Instance], declared: ServiceRelease) -> Mapping[str, str]:
    """Instances that are not ready, each with the reason; asked side by side."""
    if not declared.listens:
        return {i.name: i.status.value for i in instances if i.status is not InstanceStatus.RUNNING}
    if not instances:
        return {}
    with ThreadPoolExecutor(max_workers=min(16, len(instances))) as pool:
        answers = pool.map(lambda instance: probe(instance, declared), instances)
        return {i.name: why for i, why in zip(instances, answers, strict=True) if why}


def probe(instance: Instance, declared: ServiceRelease) -> str:
    """Why an instance is not ready; empty when it is."""
    url = f"http://{instance.host}:{instance.port}{declared.ready_path or '/'}"
    try:
        answer = http.request("GET", url, timeout_s=declared.probe_timeout_s)
    except ExternalError as error:
        return f"{declared.ready_path or 'port'}: {error.message}"
    if not declared.ready_path:
        return ""
    if not 200 <= answer.status < 300:
        return f"{declared.ready_path} answers {answer.status}"
    if declared.ready_text and declared.ready_text not in answer.text:
        return f"{declared.ready_path} does not say {declared.ready_text!r}"
    return ""


def share(
    runtime: Runtime,
    service: str,
    shares: Mapping[str, float],
    *,
    without: Sequence[str] = (),
) -> SwitchReport:
    """Send traffic to these releases' living instances, but not to those in ``without``.

    Raises FailedError when a release that should get traffic has no instance.
    """
    planned = []
    for release_id, percent in shares.items():
        servers = tuple(
            Server(i.name, i.host, i.port)
            for i in living(runtime, service, release_id)
            if i.port is not None and i.name not in without
        )
        if percent > 0 and not servers:
            raise FailedError(f"{service} of {release_id} has no instance to send traffic to")
        if servers:
            planned.append(FleetShare(release_id, percent, servers))
    return runtime.router.set_shares(service, planned)


def stop(runtime: Runtime, service: str, release_id: str, size: int) -> str:
    """Drain and stop instances beyond ``size``, newest first; says who overran."""
    declared = service_of(runtime, release_id, service)
    victims = [i.name for i in living(runtime, service, release_id)[size:]]
    if size == 0:
        ended = runtime.platform.instances(service=service, release=release_id)
        victims = list(dict.fromkeys([*victims, *(i.name for i in ended)]))
    return stop_named(runtime, declared, release_id, victims)


def stop_named(
    runtime: Runtime, declared: ServiceRelease, release_id: str, names: Sequence[str]
) -> str:
    """Take the named instances out of traffic, let them finish, stop and forget them."""
    if not names:
        return "none left"
    if not declared.is_worker:
        _unroute(runtime, declared.name, release_id, names)
        _drain(runtime, declared, names)
    reports = runtime.platform.stop(names, grace_s=declared.grace_s)
    if not declared.is_worker:
        runtime.router.forget(declared.name, names, force=True)
    runtime.platform.remove(names)
    late = [report.name for report in reports if report.overran]
    for name in late:
        runtime.record("instance.overran", subject=name, grace_s=declared.grace_s)
    text = f"{len(names)} stopped"
    return f"{text}; did not stop in time: {', '.join(late)}" if late else text


def _unroute(runtime: Runtime, service: str, release_id: str, names: Sequence[str]) -> None:
    shares = {s.release: s.percent for s in runtime.router.shares(service)}
    routed = {x.name for s in runtime.router.shares(service) for x in s.servers if s.percent > 0}
    if not routed & set(names):
        return
    others = [i for i in living(runtime, service, release_id) if i.name not in names]
    if not others:
        shares[release_id] = 0.0
    share(runtime, service, shares, without=names)


def _drain(runtime: Runtime, declared: ServiceRelease, names: Sequence[str]) -> None:
    windows = DrainWindows(declared.drain_requests_s, declared.drain_long_s)
    began = runtime.clock.monotonic()
    while True:
        counters = runtime.router.counters(declared.name)
        sessions = sum(c.sessions for c in counters if c.server in names)
        if may_close(sessions, runtime.clock.monotonic() - began, windows):
            return
        runtime.clock.sleep(_POLL_S)


def replace(runtime: Runtime, service: str, release_id: str, names: Sequence[str]) -> str:
    """Put a fresh instance in the place of each named one that still lives."""
    declared = service_of(runtime, release_id, service)
    done = 0
    for name in names:
        alive = living(runtime, service, release_id)
        if name not in {i.name for i in alive}:
            continue
        if declared.exclusive:
            stop_named(runtime, declared, release_id, [name])
            start(runtime, service, release_id, len(alive))
        else:
            start(runtime, service, release_id, len(alive) + 1)
        _await_fresh(runtime, declared, release_id, set(names))
        if not declared.is_worker:
            share(runtime, service, {release_id: 100.0}, without=[name])
        if not declared.exclusive:
            stop_named(runtime, declared, release_id, [name])
        done += 1
    return f"{done} replaced"


def _await_fresh(
    runtime: Runtime, declared: ServiceRelease, release_id: str, old: set[str]
) -> None:
    """The new ones must be ready; an old one may be the sick one that is being replaced."""
    began = runtime.clock.monotonic()
    while True:
        fresh = [i for i in living(runtime, declared.name, release_id) if i.name not in old]
        _refuse_crashed(runtime, fresh)
        unready = unready_reasons(fresh, declared)
        if fresh and not unready and _settled(runtime, declared, began):
            return
        if runtime.clock.monotonic() - began > declared.start_timeout_s:
            why = next(iter(unready.values()), "no instance")
            raise FailedError(f"the new instance of {declared.name} was not ready: {why}")
        runtime.clock.sleep(_POLL_S)
