"""A release: the immutable *what*. Code, environment, references to secrets, routes, sizes."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

SCHEMA = 1


@dataclass(frozen=True)
class ServiceRelease:
    """One service of a release; nothing in it ever changes.

    ``tree`` names the folder of its code; ``secrets`` holds references, never values;
    ``dependencies`` is ``{variable: dependency}``.
    """

    name: str
    commit: str
    tree: str
    argv: tuple[str, ...]
    size: int
    build: tuple[str, ...] = ()
    image: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    dependencies: Mapping[str, str] = field(default_factory=dict)
    routes: tuple[Mapping[str, Any], ...] = ()
    listens: bool = True
    exclusive: bool = False
    after: tuple[str, ...] = ()
    live_path: str = ""
    ready_path: str = ""
    ready_text: str = ""
    version_path: str = ""
    metrics_path: str = ""
    start_timeout_s: float = 60.0
    probe_timeout_s: float = 2.0
    stop_signal: str = "TERM"
    grace_s: float = 30.0
    drain_requests_s: float = 30.0
    drain_long_s: float = 300.0
    response_timeout_s: float = 60.0
    memory_bytes: int | None = None
    cpu: float | None = None
    open_files: int | None = None
    backoff_min_s: float = 1.0
    backoff_max_s: float = 30.0
    give_up_after: int | None = None

    @property
    def is_worker(self) -> bool:
        """Whether it takes no requests."""
        return not self.routes


@dataclass(frozen=True)
class Release:
    """All services together, under one number. ``digest`` covers everything but id and label."""

    id: str
    number: int
    label: str
    services: Mapping[str, ServiceRelease]

    @property
    def digest(self) -> str:
        """SHA-256 of the content: equal digests mean the same release byte for byte."""
        return content_digest(self.services)


def content_digest(services: Mapping[str, ServiceRelease]) -> str:
    """SHA-256 (hex) over the canonical JSON of the services."""
    content = {name: _plain(service) for name, service in services.items()}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def name_release(number: int, label: str, services: Mapping[str, ServiceRelease]) -> Release:
    """Give the content its id: number and the start of its digest, such as ``r12-3f2a1c0``."""
    digest = content_digest(services)
    return Release(f"r{number}-{digest[:7]}", number, label, services)


def encode(release: Release) -> str:
    """Canonical JSON text."""
    content = {name: _plain(service) for name, service in release.services.items()}
    document = {
        "schema": SCHEMA,
        "id": release.id,
        "number": release.number,
        "label": release.label,
        "services": content,
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def decode(text: str) -> Release:
    """What :func:`encode` wrote; fields of a newer schema are ignored."""
    raw = json.loads(text)
    services = {name: _service(item) for name, item in raw["services"].items()}
    return Release(raw["id"], raw["number"], raw["label"], services)


@dataclass(frozen=True)
class Change:
    """One difference between two releases, in words."""

    service: str
    what: str
    old: str
    new: str


def diff(old: Release, new: Release) -> tuple[Change, ...]:
    """What changed from one release to another; secrets show as references only."""
    changes: list[Change] = []
    for name in sorted({*old.services, *new.services}):
        before, after = old.services.get(name), new.services.get(name)
        if before is None or after is None:
            changes.append(
                Change(
                    name,
                    "service",
                    "" if before is None else "there",
                    "" if after is None else "there",
                )
            )
            continue
        changes += _service_changes(name, before, after)
    return tuple(changes)


def _service_changes(name: str, old: ServiceRelease, new: ServiceRelease) -> Iterable[Change]:
    for item in fields(ServiceRelease):
        before, after = getattr(old, item.name), getattr(new, item.name)
        if before == after or item.name in ("name", "tree"):
            continue
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            for key in sorted({*before, *after}):
                if before.get(key) != after.get(key):
                    yield Change(
                        name, f"{item.name}.{key}", _show(before.get(key)), _show(after.get(key))
                    )
        else:
            yield Change(name, item.name, _show(before), _show(after))


def _show(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple) and all(isinstance(v, str) for v in value):
        return " ".join(value)
    if isinstance(value, (Mapping, tuple)):
        return json.dumps(value, sort_keys=True, default=dict)
    return str(value)


def expired(
    numbers: Iterable[tuple[str, int]], *, keep: int, protected: Iterable[str]
) -> list[str]:
    """Ids of the releases to let go: all but the newest ``keep`` and the protected ones."""
    safe = set(protected)
    ordered = sorted(numbers, key=lambda pair: -pair[1])
    return [
        name for position, (name, _) in enumerate(ordered) if position >= keep and name not in safe
    ]


def _plain(service: ServiceRelease) -> dict[str, Any]:
    return json.loads(json.dumps(asdict(service)))  # type: ignore[no-any-return]


def _service(raw: Mapping[str, Any]) -> ServiceRelease:
    known = {item.name for item in fields(ServiceRelease)}
    values = {key: value for key, value in raw.items() if key in known}
    for key in ("argv", "build", "after", "routes"):
        values[key] = tuple(values.get(key, ()))
    return ServiceRelease(**values)
