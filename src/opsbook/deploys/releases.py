"""Releases as people look at them."""

from typing import Any

from opsbook.deploys import live
from opsbook.deploys.records import Releases
from opsbook.deploys.release import decode, diff
from opsbook.runtime import Runtime
from opsbook.state.database import to_text


def index(runtime: Runtime) -> list[dict[str, Any]]:
    """All kept releases, newest first."""
    shown = live.read(runtime).release
    return [
        {
            "release": row.id,
            "number": row.number,
            "label": row.label,
            "status": "live" if row.id == shown else row.status,
            "created_at": to_text(row.created_at),
            "digest": row.digest,
        }
        for row in Releases(runtime.database).list()
    ]


def show(runtime: Runtime, name: str) -> dict[str, Any]:
    """One release in full; secrets as references."""
    row = Releases(runtime.database).get(name)
    release = decode(row.document)
    return {
        "release": row.id,
        "number": row.number,
        "label": row.label,
        "status": row.status,
        "created_at": to_text(row.created_at),
        "digest": row.digest,
        "services": {
            name: {
                "commit": service.commit,
                "run": list(service.argv),
                "instances": service.size,
                "env": dict(service.env),
                "secrets": {key: dict(ref) for key, ref in service.secrets.items()},
                "routes": [dict(route) for route in service.routes],
            }
            for name, service in release.services.items()
        },
    }


def changes(runtime: Runtime, old: str, new: str) -> list[dict[str, str]]:
    """What changed from ``old`` to ``new``."""
    records = Releases(runtime.database)
    first, second = decode(records.get(old).document), decode(records.get(new).document)
    return [
        {"service": c.service, "what": c.what, "old": c.old, "new": c.new}
        for c in diff(first, second)
    ]
