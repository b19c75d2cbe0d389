"""Rules about names: whatever one section calls by name, another one declares."""

from collections.abc import Iterator

from opsbook.config.model.strategy import BUILT_IN
from opsbook.config.problems import Steps
from opsbook.config.scene import Broken, Rule, Scene, unknown


def service_names(scene: Scene) -> Iterator[Broken]:
    """Strategies, dependencies and the order of services."""
    strategies = scene.names("strategies") | set(BUILT_IN)
    if scene.config.strategy:
        yield from unknown(("strategy",), [scene.config.strategy], strategies, "strategy")
    services, dependencies = scene.names("services"), scene.names("dependencies")
    for name, service in scene.config.services.items():
        here = ("services", name)
        if service.strategy:
            yield from unknown((*here, "strategy"), [service.strategy], strategies, "strategy")
        yield from unknown((*here, "depends_on"), service.depends_on, dependencies, "dependency")
        yield from unknown((*here, "after"), service.after, services, "service")


def order_of_services(scene: Scene) -> Iterator[Broken]:
    """``after`` must not lead back to where it started."""
    after = {name: service.after for name, service in scene.config.services.items()}
    reported: set[str] = set()
    for start in after:
        seen: list[str] = []
        ahead = [start]
        while ahead:
            for following in after.get(ahead.pop(), ()):
                if following == start and start not in reported:
                    reported |= {start, *seen}
                    message = "comes after itself"
                    yield Broken(("services", start, "after"), message, "break the circle")
                elif following not in seen:
                    seen.append(following)
                    ahead.append(following)


def deployment_names(scene: Scene) -> Iterator[Broken]:
    """Thresholds, services and dependencies named around a deployment."""
    config, services = scene.config, scene.names("services")
    thresholds = scene.names("thresholds")
    yield from unknown(("rollback_on",), config.rollback_on, thresholds, "threshold")
    for index, smoke in enumerate(config.smoke):
        if smoke.service:
            yield from unknown(("smoke", index, "service"), [smoke.service], services, "service")
    if config.migrations:
        service, dependency = config.migrations.service, config.migrations.dependency
        if service:
            yield from unknown(("migrations", "service"), [service], services, "service")
        if dependency:
            known = scene.names("dependencies")
            yield from unknown(("migrations", "dependency"), [dependency], known, "dependency")


def threshold_names(scene: Scene) -> Iterator[Broken]:
    """The service, dependency and severity of a threshold."""
    sections = (("service", "services"), ("dependency", "dependencies"), ("severity", "severities"))
    for name, threshold in scene.config.thresholds.items():
        for key, section in sections:
            given = getattr(threshold, key)
            if given:
                steps = ("thresholds", name, key)
                yield from unknown(steps, [given], scene.names(section), key)


def environment_names(scene: Scene) -> Iterator[Broken]:
    """Environments and services that gates, windows and schedules are limited to."""
    config = scene.config
    known = scene.names("environments") | ({config.environment} - {""})
    limited: list[tuple[Steps, tuple[str, ...]]] = [
        *((("gates", i), gate.environments) for i, gate in enumerate(config.gates)),
        *((("schedules", n), work.environments) for n, work in config.schedules.items()),
    ]
    for kind in ("maintenance", "freeze"):
        for index, window in enumerate(getattr(config.windows, kind)):
            limited.append((("windows", kind, index), window.environments))
    for here, environments in limited:
        yield from unknown((*here, "environments"), environments, known, "environment")
    for index, maintenance in enumerate(config.windows.maintenance):
        here = ("windows", "maintenance", index, "services")
        yield from unknown(here, maintenance.services, scene.names("services"), "service")


def one_default(scene: Scene) -> Iterator[Broken]:
    """At most one environment is the default."""
    marked = [name for name, e in scene.config.environments.items() if e.default]
    for name in marked[1:]:
        message = f"{marked[0]} is the default already"
        yield Broken(("environments", name, "default"), message, "keep one")


def people_names(scene: Scene) -> Iterator[Broken]:
    """Whoever is paged or told can be reached."""
    config, targets = scene.config, _targets(scene)
    for name, severity in config.severities.items():
        steps = ("severities", name, "page")
        yield from unknown(steps, severity.page, targets, "channel, contact or rota")
    for index, rung in enumerate(config.escalation):
        here = ("escalation", index)
        yield from unknown((*here, "notify"), rung.notify, targets, "channel, contact or rota")
        severities, thresholds = scene.names("severities"), scene.names("thresholds")
        yield from unknown((*here, "severities"), rung.severities, severities, "severity")
        yield from unknown((*here, "thresholds"), rung.thresholds, thresholds, "threshold")
    for level in ("critical", "warning", "info"):
        given = getattr(config.notify, level).to
        yield from unknown(("notify", level), given, targets, "channel, contact or rota")


def on_call_names(scene: Scene) -> Iterator[Broken]:
    """Members of rotas, stand-ins, approvers and the channels of contacts."""
    config, channels = scene.config, scene.names("channels")
    people = channels | scene.names("contacts")
    for name, rota in config.on_call.rota.items():
        steps = ("on_call", "rota", name, "members")
        yield from unknown(steps, rota.members, people, "contact or channel")
    for index, stand_in in enumerate(config.on_call.overrides):
        here = ("on_call", "overrides", index)
        yield from unknown((*here, "rota"), [stand_in.rota], scene.rotas(), "rota")
        yield from unknown((*here, "member"), [stand_in.member], people, "contact or channel")
    contacts = scene.names("contacts")
    yield from unknown(("approvals", "by"), config.approvals.by, contacts, "contact")
    for name, contact in config.contacts.items():
        if contact.channel:
            place = ("contacts", name, "channel")
            yield from unknown(place, [contact.channel], channels, "channel")


def one_meaning(scene: Scene) -> Iterator[Broken]:
    """A name that is both a rota and a contact would page the wrong one."""
    sections = (("channels", scene.names("channels")), ("contacts", scene.names("contacts")))
    for section, names in sections:
        for name in sorted(names & scene.rotas()):
            hint = "rename one of them"
            yield Broken((section, name), f"{name} is the name of a rota too", hint)
    for name in sorted(scene.names("channels") & scene.names("contacts")):
        yield Broken(("contacts", name), f"{name} is the name of a channel too", "rename one")


def _targets(scene: Scene) -> frozenset[str]:
    return scene.names("channels") | scene.names("contacts") | scene.rotas()


NAME_RULES: tuple[Rule, ...] = (
    service_names,
    order_of_services,
    deployment_names,
    threshold_names,
    environment_names,
    one_default,
    people_names,
    on_call_names,
    one_meaning,
)
