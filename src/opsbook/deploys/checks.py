"""The automated checklist before a deployment: secrets, dependencies, disk, freeze, gates."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opsbook.config.model.safety import Gate
from opsbook.deploys.launch import dependency_url, secret_environment
from opsbook.deploys.release import Release
from opsbook.errors import OpsbookError, RefusedError
from opsbook.platforms.process import base_environment
from opsbook.runtime import Runtime
from opsbook.shell import run
from opsbook.signals.base import Status
from opsbook.signals.probes import probe_dependency
from opsbook.state.windows import Windows

_MIN_FREE_BYTES = 200 * 2**20


@dataclass(frozen=True)
class Item:
    """One item of the checklist: open items stop the deployment."""

    name: str
    ok: bool
    text: str
    manual: bool = False

    def as_dict(self) -> dict[str, Any]:
        return {"name": self.name, "ok": self.ok, "text": self.text, "manual": self.manual}


def checklist(
    runtime: Runtime, release: Release, *, ticks: tuple[str, ...], confirmed: bool
) -> tuple[Item, ...]:
    """Every item with its answer; nothing is changed."""
    return (
        _freeze(runtime),
        _disk(runtime),
        *_secrets(runtime, release),
        *_dependencies(runtime),
        *_declared(runtime, ticks, confirmed),
    )


def refuse_open(items: tuple[Item, ...]) -> None:
    """Raises RefusedError that names every open item."""
    still_open = [item for item in items if not item.ok]
    if not still_open:
        return
    manual = [item.name for item in still_open if item.manual]
    hint = "mend what is named, then deploy again"
    if manual:
        hint = f"tick what is done: --tick {' --tick '.join(manual)}, or -y for all"
    raise RefusedError(
        "; ".join(f"{item.name}: {item.text}" for item in still_open), hint=hint, subject="gates"
    )


def _freeze(runtime: Runtime) -> Item:
    now = runtime.clock.now()
    found = Windows(runtime.database).freeze(now)
    if found is not None:
        until = f"{found.ends:%Y-%m-%d %H:%M} UTC"
        return Item("freeze", False, f"{found.reason} (until {until}, window {found.id})")
    return Item("freeze", True, "none")


def _disk(runtime: Runtime) -> Item:
    free = shutil.disk_usage(runtime.paths.root).free
    return Item("disk", free >= _MIN_FREE_BYTES, f"{free / 2**30:.1f} GiB free")


def _secrets(runtime: Runtime, release: Release) -> Iterator[Item]:
    for service in release.services.values():
        try:
            secret_environment(runtime, service)
        except OpsbookError as problem:
            yield Item(f"secrets of {service.name}", False, problem.message)
        else:
            if service.secrets:
                yield Item(f"secrets of {service.name}", True, f"{len(service.secrets)} found")


def _dependencies(runtime: Runtime) -> Iterator[Item]:
    for name, declared in runtime.config.dependencies.items():
        check = probe_dependency(name, declared, dependency_url(runtime, name), runtime.config.root)
        good = check.status is not Status.CRITICAL or not declared.required
        yield Item(f"dependency {name}", good, check.reason or "answers")


def _declared(runtime: Runtime, ticks: tuple[str, ...], confirmed: bool) -> Iterator[Item]:
    for gate in runtime.config.gates:
        if gate.environments and runtime.config.environment not in gate.environments:
            continue
        if gate.check is not None:
            yield _command_gate(runtime, gate, gate.check)
        else:
            done = confirmed or gate.name in ticks
            yield Item(gate.name, done, gate.manual or "to be ticked", manual=True)


def _command_gate(runtime: Runtime, gate: Gate, command: str) -> Item:
    root: Path = runtime.config.root
    result = run(
        ["/bin/sh", "-c", command],
        cwd=root,
        env=base_environment(),
        timeout_s=gate.timeout.total_seconds(),
        merge=True,
    )
    tail = result.out.strip().splitlines()[-1:] or ["no output"]
    why = "did not end in time" if result.timed_out else f"exit code {result.code}: {tail[0]}"
    return Item(gate.name, result.ok, "passed" if result.ok else why)
