"""opsbook release."""

from typing import Any

from opsbook.cli import client, output


def list_releases() -> None:
    """The kept releases, newest first."""
    output.result(client.get("/api/releases"), _table)


def show(release: str, /) -> None:
    """One release in full; secrets show as references."""
    output.result(client.get(f"/api/releases/{release}"), _details)


def diff(old: str, new: str, /) -> None:
    """What changed from one release to another."""
    output.result(client.get(f"/api/releases/{old}/diff/{new}"), _changes)


def _table(answer: Any) -> list[str]:
    rows = [
        [r["release"], r["label"], r["status"], r["created_at"][:19].replace("T", " ")]
        for r in answer["releases"]
    ]
    if not rows:
        return ["no release yet: `opsbook deploy`"]
    return output.table(["RELEASE", "LABEL", "STATUS", "BUILT (UTC)"], rows)


def _details(r: Any) -> list[str]:
    lines = [f"{r['release']} ({r['label']}): {r['status']}, digest {r['digest'][:16]}"]
    for name, service in r["services"].items():
        lines.append(f"  {name}: {service['instances']} × {' '.join(service['run'])}")
        lines.append(f"    commit {service['commit']}")
        lines += [f"    {key}={value}" for key, value in service["env"].items()]
        lines += [
            f"    {key} is a secret from {_source(ref)}" for key, ref in service["secrets"].items()
        ]
    return lines


def _source(reference: dict[str, Any]) -> str:
    return next(
        (f"{k} {v}" for k, v in reference.items() if k in ("env", "file", "command") and v), "?"
    )


def _changes(answer: Any) -> list[str]:
    if not answer["changes"]:
        return ["no difference"]
    rows = [[c["service"], c["what"], c["old"], c["new"]] for c in answer["changes"]]
    return output.table(["SERVICE", "WHAT", "OLD", "NEW"], rows)
