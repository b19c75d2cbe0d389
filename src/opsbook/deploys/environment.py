"""The environment as a whole: up, down, status, health."""

from collections.abc import Mapping
from typing import Any

from opsbook.deploys import fleets, live
from opsbook.deploys.launch import dependency_url
from opsbook.deploys.records import Deployments
from opsbook.deploys.release import Release
from opsbook.errors import OpsbookError
from opsbook.platforms.base import Instance, InstanceStatus
from opsbook.runtime import Runtime
from opsbook.signals.base import Check, Status
from opsbook.signals.health import HealthReport, Question, collect
from opsbook.signals.probes import probe_dependency, probe_disk
from opsbook.state.database import to_text
from opsbook.state.windows import Windows
from opsbook.traffic.base import Topology

_HEALTH_DEADLINE_S = 10.0


def up(runtime: Runtime, *, environ: Mapping[str, str], actor: str) -> dict[str, Any]:
    """Start embedded datastores, the proxy and the instances of the live release.

    Starting what runs already is harmless. Raises ConflictError for a port that is
    taken, FailedError when something does not start.
    """
    runtime.refresh(environ)
    for server in runtime.embedded.values():
        server.ensure()
    release = live.live_release(runtime)
    runtime.router.start(_topology(runtime, release))
    started = _start_live(runtime, release) if release is not None else []
    runtime.record("environment.up", actor=actor, started=len(started))
    return status(runtime)


def _topology(runtime: Runtime, release: Release | None) -> Topology:
    if release is None:
        return live.topology(runtime.config)
    return live.topology(runtime.config, release)


def _start_live(runtime: Runtime, release: Release) -> list[str]:
    shown = live.read(runtime)
    started: list[str] = []
    # A deployment under way looks after its fleets itself.
    if Deployments(runtime.database).active() is not None:
        return started
    for service, size in shown.sizes:
        before = {i.name for i in fleets.living(runtime, service, release.id)}
        if len(before) < size:
            fleets.start(runtime, service, release.id, size)
        after = {i.name for i in fleets.living(runtime, service, release.id)}
        started += sorted(after - before)
    for service, size in shown.sizes:
        if size:
            fleets.await_ready(runtime, service, release.id)
        if size and not release.services[service].is_worker:
            fleets.share(runtime, service, {release.id: 100.0})
    return started


def down(runtime: Runtime, *, actor: str) -> dict[str, Any]:
    """Stop instances first, then the proxy, then the datastores."""
    instances = [i.name for i in runtime.platform.instances()]
    reports = runtime.platform.stop(instances)
    runtime.platform.remove(instances)
    runtime.router.stop()
    for server in runtime.embedded.values():
        server.stop()
    runtime.record("environment.down", actor=actor, stopped=len(reports))
    return {"stopped": [report.name for report in reports]}


def status(runtime: Runtime) -> dict[str, Any]:
    """What runs, which release is live, who gets traffic, what is under way."""
    shown = live.read(runtime)
    instances = runtime.platform.instances()
    usage = runtime.platform.usage([i.name for i in instances])
    active = Deployments(runtime.database).active()
    freeze = Windows(runtime.database).freeze(runtime.clock.now())
    config = runtime.config
    return {
        "project": config.project,
        "environment": config.environment,
        "release": shown.release,
        "label": live.load_release(runtime, shown.release).label if shown.release else "",
        "address": f"http://{config.traffic.listen}",
        "proxy": "running" if runtime.router.running() else "stopped",
        "dependencies": {
            name: {
                "type": declared.type,
                "embedded": name in runtime.embedded,
                "running": runtime.embedded[name].running() if name in runtime.embedded else None,
            }
            for name, declared in config.dependencies.items()
        },
        "services": {name: _service(runtime, name, instances) for name in _services(runtime)},
        "instances": [
            {
                **_instance(i),
                "memory_bytes": usage[i.name].memory_bytes if i.name in usage else None,
            }
            for i in instances
        ],
        "deployment": active.id if active else "",
        "freeze": freeze.reason if freeze else "",
    }


def _services(runtime: Runtime) -> list[str]:
    return list(
        dict.fromkeys([*runtime.config.services, *(n for n, _ in live.read(runtime).sizes)])
    )


def _service(runtime: Runtime, name: str, instances: tuple[Instance, ...]) -> dict[str, Any]:
    return {
        "wanted": dict(live.read(runtime).sizes).get(name, 0),
        "running": sum(i.service == name and i.status is InstanceStatus.RUNNING for i in instances),
        "traffic": {s.release: s.percent for s in runtime.router.shares(name)},
    }


def _instance(instance: Instance) -> dict[str, Any]:
    return {
        "name": instance.name,
        "service": instance.service,
        "release": instance.release,
        "status": instance.status.value,
        "port": instance.port,
        "pid": instance.pid,
        "started_at": to_text(instance.started_at) if instance.started_at else None,
        "crashes": instance.crashes,
    }


def health(runtime: Runtime, *, detailed: bool = False) -> HealthReport:
    """Every check now, side by side."""
    questions = [*_instance_questions(runtime, detailed), *_dependency_questions(runtime)]
    questions.append(Question("proxy", "proxy", lambda: _proxy(runtime)))
    questions.append(Question("disk", "disk", lambda: probe_disk(runtime.paths.root)))
    return collect(questions, at=runtime.clock.now(), deadline_s=_HEALTH_DEADLINE_S)


def _instance_questions(runtime: Runtime, detailed: bool) -> list[Question]:
    release = live.live_release(runtime)
    if release is None:
        return []
    found: list[Question] = []
    for service, size in live.read(runtime).sizes:
        alive = fleets.living(runtime, service, release.id)
        found.append(
            Question(
                service,
                "service",
                lambda s=service, n=size, a=alive: _count(s, n, len(a)),  # type: ignore[misc]
            )
        )
        declared = release.services[service]
        found += [
            Question(i.name, "http", lambda i=i, d=declared: _probe(i, d))  # type: ignore[misc]
            for i in alive
            if declared.listens
        ]
        if detailed:
            found += [Question(i.name, "instance", lambda i=i: _detail(runtime, i)) for i in alive]  # type: ignore[misc]
    return found


def _count(service: str, wanted: int, running: int) -> Check:
    text = f"{running} of {wanted} instances run"
    if running >= wanted:
        return Check(service, "service", service, Status.OK, text)
    status = Status.WARNING if running else Status.CRITICAL
    return Check(service, "service", service, status, text)


def _probe(instance: Instance, declared: Any) -> Check:
    why = fleets.probe(instance, declared)
    target = f"http://{instance.host}:{instance.port}{declared.ready_path or '/'}"
    return Check(
        instance.name, "http", target, Status.CRITICAL if why else Status.OK, why or "ready"
    )


def _detail(runtime: Runtime, instance: Instance) -> Check:
    used = runtime.platform.usage([instance.name]).get(instance.name)
    if used is None:
        return Check(instance.name, "instance", instance.name, Status.UNKNOWN, "it has gone")
    status = Status.WARNING if instance.crashes else Status.OK
    text = (
        f"{used.memory_bytes / 2**20:.0f} MiB, {used.open_files} open files, "
        f"{instance.crashes} crashes"
    )
    return Check(instance.name, "instance", instance.name, status, text)


def _dependency_questions(runtime: Runtime) -> list[Question]:
    return [
        Question(
            name,
            declared.type,
            lambda n=name, d=declared: probe_dependency(  # type: ignore[misc]
                n, d, dependency_url(runtime, n), runtime.config.root
            ),
        )
        for name, declared in runtime.config.dependencies.items()
    ]


def _proxy(runtime: Runtime) -> Check:
    target = runtime.config.traffic.listen
    try:
        counters = runtime.router.counters()
    except OpsbookError as problem:
        return Check("proxy", "proxy", target, Status.CRITICAL, problem.message)
    lost = [c.server for c in counters if c.weight > 0 and c.status.startswith("DOWN")]
    if lost:
        return Check("proxy", "proxy", target, Status.WARNING, f"down: {', '.join(lost)}")
    return Check("proxy", "proxy", target, Status.OK, f"{len(counters)} servers")
