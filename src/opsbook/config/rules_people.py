"""Rules about people: whoever is needed at night can really be reached."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from opsbook.config.problems import Steps
from opsbook.config.scene import Broken, Rule, Scene
from opsbook.config.weak import is_placeholder

_SECTIONS = ("contacts", "channels", "on_call")


def placeholders(scene: Scene) -> Iterator[Broken]:
    """Nothing that was meant to be filled in is left."""
    for section in _SECTIONS:
        for steps, text in _texts(scene.written.get(section), (section,)):
            if steps[-1] in ("description", "note") or steps in scene.unresolved:
                continue
            if is_placeholder(text, phone=steps[-1] == "phone"):
                yield Broken(steps, f"{text!r} is a placeholder", "fill it in, or remove it")


def addresses(scene: Scene) -> Iterator[Broken]:
    """Addresses of environments are real ones."""
    for name, environment in scene.config.environments.items():
        steps = ("environments", name, "url")
        url = environment.url or ""
        if not url or steps in scene.unresolved or "${" in url:
            continue
        if not url.startswith(("http://", "https://")):
            yield Broken(steps, "is not an address", "it starts with https://")
        elif is_placeholder(url):
            yield Broken(steps, f"{url!r} is a placeholder", "fill it in, or remove it")


def reachable(scene: Scene) -> Iterator[Broken]:
    """A contact has at least one way to be reached."""
    for name, contact in scene.config.contacts.items():
        ways = (contact.email, contact.phone, contact.slack, contact.url, contact.channel)
        if not any(ways):
            hint = "add email, phone, slack, url or channel"
            yield Broken(("contacts", name), "cannot be reached", hint)
        if contact.email and "@" not in contact.email and "${" not in contact.email:
            yield Broken(("contacts", name, "email"), "is not an e-mail address")


def pages_arrive(scene: Scene) -> Iterator[Broken]:
    """Whoever is paged has a channel that Opsbook can use."""
    channels, contacts = scene.config.channels, scene.config.contacts
    for name, severity in scene.config.severities.items():
        for target in severity.page:
            rota = scene.config.on_call.rota.get(target)
            for person in rota.members if rota else (target,):
                contact = contacts.get(person)
                if person not in channels and contact is not None and not contact.channel:
                    message = f"{person} is paged and has no channel"
                    hint = f"add channel: … to contacts.{person}"
                    yield Broken(("severities", name, "page"), message, hint, "warning")


def escalation_climbs(scene: Scene) -> Iterator[Broken]:
    """Each rung comes after the one before."""
    last: dict[tuple[Any, Any], timedelta] = {}
    for index, rung in enumerate(scene.config.escalation):
        group, after = (rung.severities, rung.thresholds), rung.after.within
        if after is not None and after < last.get(group, timedelta()):
            message = "comes before the rung above it"
            yield Broken(("escalation", index, "after"), message, "sort them by time")
        last[group] = after or last.get(group, timedelta())


def rotations(scene: Scene) -> Iterator[Broken]:
    """Turns have somebody in them, and stand-ins end."""
    for name, rota in scene.config.on_call.rota.items():
        here = ("on_call", "rota", name)
        if not rota.members:
            yield Broken((*here, "members"), "nobody is in it", "name a contact")
        if len(rota.members) > 1 and rota.start is None:
            message = "does not say when the first turn began"
            yield Broken(here, message, "add start: 2026-01-05 09:00")
    for index, stand_in in enumerate(scene.config.on_call.overrides):
        if stand_in.to <= stand_in.from_:
            steps = ("on_call", "overrides", index, "to")
            yield Broken(steps, "ends before it begins", "swap them")


def _texts(value: Any, steps: Steps) -> Iterator[tuple[Steps, str]]:
    if isinstance(value, str):
        yield steps, value
    elif isinstance(value, dict):
        for key, child in value.items():
            yield from _texts(child, (*steps, key))
    elif isinstance(value, tuple):
        for index, child in enumerate(value):
            yield from _texts(child, (*steps, index))


PEOPLE_RULES: tuple[Rule, ...] = (
    placeholders,
    addresses,
    reachable,
    pages_arrive,
    escalation_climbs,
    rotations,
)
