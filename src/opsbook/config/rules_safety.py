"""Rules about backups, recovery, gates, smoke tests, windows and schedules."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from pydantic_core import PydanticCustomError

from opsbook.config.model.safety import Backup
from opsbook.config.model.threshold import read_condition
from opsbook.config.problems import Steps, nearest
from opsbook.config.scene import Broken, Rule, Scene, exactly_one, unknown

_STORABLE = ("postgres", "redis", "mongodb", "files")
_LOCATION = re.compile(r"(s3|gs|az|sftp|file)://.+|[./~].*")
_RECIPIENT = re.compile(r"age1[a-z0-9]{20,}|ssh-(ed25519|rsa) \S+.*")


def backups(scene: Scene) -> Iterator[Broken]:
    """Backups are of something, go somewhere and stay for a while."""
    for name, backup in scene.config.backups.items():
        here = ("backups", name)
        known = scene.names("dependencies")
        steps = (*here, "of") if backup.of else here
        yield from unknown(steps, [backup.dependency], known, "dependency")
        dependency = scene.config.dependencies.get(backup.dependency)
        if dependency is not None and dependency.type not in _STORABLE:
            message = f"{dependency.type} cannot be backed up"
            yield Broken(steps, message, "one of " + ", ".join(_STORABLE))
        yield from _destinations(scene, name, backup)
        for key in backup.encrypt:
            if not _RECIPIENT.fullmatch(key) and "${" not in key:
                yield Broken((*here, "encrypt"), "is not a public key", "age1… or ssh-ed25519 …")
        keep = backup.keep
        if not any((keep.within, keep.daily, keep.weekly, keep.monthly, keep.yearly)):
            yield Broken(
                (*here, "keep"), "keeps the smallest number only", "such as 30d", "warning"
            )


def _destinations(scene: Scene, name: str, backup: Backup) -> Iterator[Broken]:
    stores = scene.names("stores")
    if not backup.to:
        yield Broken(("backups", name, "to"), "goes nowhere", "name a store or a folder")
    for place in backup.to:
        if place not in stores and not _LOCATION.fullmatch(place) and "${" not in place:
            hint = nearest(place, stores) or "s3://bucket/prefix, /folder, or a name of stores"
            yield Broken(("backups", name, "to"), f"there is no store {place}", hint)


def store_addresses(scene: Scene) -> Iterator[Broken]:
    """A store's address says what kind it is."""
    for name, store in scene.config.stores.items():
        if not _LOCATION.fullmatch(store.url) and "${" not in store.url:
            hint = "s3://bucket/prefix, gs://…, az://…, sftp://… or /folder"
            yield Broken(("stores", name, "url"), "is not an address of a store", hint)


def promises(scene: Scene) -> Iterator[Broken]:
    """Backups come often enough for the promised recovery point."""
    recovery = scene.config.recovery
    if recovery.drill and not scene.names("backups"):
        yield Broken(("recovery", "drill"), "there is no backup to practise with", "add backups")
    for name, backup in scene.config.backups.items():
        if recovery.rpo is None or len(backup.at) != 1:
            continue
        gap = backup.at[0].longest_gap(backup.timezone)
        if gap > recovery.rpo + timedelta(hours=1):
            message = "comes too rarely for the promised recovery.rpo"
            yield Broken(("backups", name, "at"), message, "more often, or a longer rpo", "warning")


def one_kind_each(scene: Scene) -> Iterator[Broken]:
    """Gates, smoke tests, checks and scheduled work are of one kind, with names of their own."""
    config = scene.config
    lists: tuple[tuple[tuple[str, ...], Any, tuple[str, ...]], ...] = (
        (("gates",), config.gates, ("check", "manual")),
        (("smoke",), config.smoke, ("path", "command")),
        (("recovery", "checks"), config.recovery.checks, ("query", "command")),
    )
    for section, entries, kinds in lists:
        seen: set[str] = set()
        for index, entry in enumerate(entries):
            yield from exactly_one((*section, index), entry, kinds)
            if entry.name in seen:
                message = f"{entry.name} is there already"
                yield Broken((*section, index, "name"), message, "give it its own name")
            seen.add(entry.name)
    for name, work in config.schedules.items():
        yield from exactly_one(("schedules", name), work, ("run", "action"))


def smoke_has_a_service(scene: Scene) -> Iterator[Broken]:
    """A request needs a service that takes requests."""
    config = scene.config
    routed = [name for name, service in config.services.items() if service.listens]
    for index, smoke in enumerate(config.smoke):
        if smoke.path and not smoke.service and not routed and config.services:
            message = "asks no service, and none takes requests"
            yield Broken(("smoke", index), message, "add service: NAME")


def recovery_expectations(scene: Scene) -> Iterator[Broken]:
    """What a restored number must be can be read."""
    for index, check in enumerate(scene.config.recovery.checks):
        here = ("recovery", "checks", index)
        if check.dependency:
            known = scene.names("dependencies")
            yield from unknown((*here, "dependency"), [check.dependency], known, "dependency")
        try:
            unit = read_condition(check.expect).unit
        except PydanticCustomError:
            unit = "state"
        if unit != "count":
            yield Broken((*here, "expect"), "is not a comparison", 'such as "> 0"')


def windows(scene: Scene) -> Iterator[Broken]:
    """A window has a beginning and an end."""
    for kind in ("maintenance", "freeze"):
        for index, window in enumerate(getattr(scene.config.windows, kind)):
            here: Steps = ("windows", kind, index)
            yield from exactly_one(here, window, ("at", "from"))
            if window.at and not window.for_:
                yield Broken(here, "does not say how long it lasts", "add for: 2h")
            if window.from_ and not window.to:
                yield Broken(here, "has no end", "add to: 2026-12-27")
            if window.from_ and window.to and window.to <= window.from_:
                yield Broken((*here, "to"), "ends before it begins", "swap them")


def migrations(scene: Scene) -> Iterator[Broken]:
    """A migration that is called reversible has a way back."""
    declared = scene.config.migrations
    if declared is None:
        return
    if declared.reversible and not declared.down:
        message = "has no down: a rollback leaves the new schema in place"
        hint = "add down: …, or reversible: false"
        yield Broken(("migrations",), message, hint, "warning")


SAFETY_RULES: tuple[Rule, ...] = (
    backups,
    store_addresses,
    promises,
    one_kind_each,
    smoke_has_a_service,
    recovery_expectations,
    windows,
    migrations,
)
