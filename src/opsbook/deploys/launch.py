"""From a release to a fleet that can be started: command line, environment, secrets, limits."""

from collections.abc import Mapping
from pathlib import Path

from opsbook.config import Config
from opsbook.config.masking import Secret
from opsbook.config.model.service import SecretRef
from opsbook.config.secrets import resolve
from opsbook.deploys.release import ServiceRelease
from opsbook.errors import OpsbookError, RefusedError
from opsbook.platforms.base import FleetSpec, Limits, RestartPolicy
from opsbook.runtime import Runtime


def fleet_spec(runtime: Runtime, release_id: str, service: ServiceRelease, size: int) -> FleetSpec:
    """The fleet of one service of a release, with its secrets resolved now.

    Raises RefusedError when a secret is missing or too weak.
    """
    tree = source_tree(runtime, service)
    env = {**service.env, "OPSBOOK_RELEASE": release_id, "OPSBOOK_COMMIT": service.commit}
    return FleetSpec(
        service=service.name,
        release=release_id,
        size=size,
        argv=service.argv,
        image=service.image,
        cwd=tree,
        env=env,
        secret_env=secret_environment(runtime, service),
        listens=service.listens,
        limits=Limits(service.memory_bytes, service.cpu, service.open_files),
        restart=RestartPolicy(service.backoff_min_s, service.backoff_max_s, service.give_up_after),
        stop_signal=service.stop_signal,
        grace_s=service.grace_s,
    )


def source_tree(runtime: Runtime, service: ServiceRelease) -> Path:
    """The folder of a release's code."""
    return runtime.paths.releases / "trees" / service.tree


def secret_environment(runtime: Runtime, service: ServiceRelease) -> dict[str, str]:
    """Secret variables and the addresses of dependencies; in memory only."""
    found = dependency_variables(runtime, service.dependencies)
    for name, reference in service.secrets.items():
        found[name] = _secret(runtime, name, reference).reveal()
    return found


def dependency_variables(runtime: Runtime, names: Mapping[str, str]) -> dict[str, str]:
    """``{variable: address}`` for ``{variable: dependency}``; embedded ones know their own."""
    found: dict[str, str] = {}
    for variable, name in names.items():
        url = dependency_url(runtime, name)
        if url:
            found[variable] = url
    return found


def dependency_url(runtime: Runtime, name: str) -> str:
    """Where a dependency is; empty when it has no address or is not declared any more."""
    if name in runtime.embedded:
        return runtime.embedded[name].url()
    declared = runtime.config.dependencies.get(name)
    url = getattr(declared, "url", None)
    return url.reveal() if isinstance(url, Secret) else ""


def dependencies_of(config: Config, service: str) -> dict[str, str]:
    """``{variable: dependency}`` of a service."""
    found: dict[str, str] = {}
    for name in config.dependencies_for(service):
        variable = config.dependencies[name].variable
        if variable:
            found[variable] = name
    return found


def _secret(runtime: Runtime, name: str, reference: Mapping[str, object]) -> Secret:
    ref = SecretRef.model_validate(dict(reference))
    try:
        found = resolve(ref, environ=runtime.environ, root=runtime.config.root)
    except OpsbookError as problem:
        raise RefusedError(f"{name}: {problem.message}", hint=problem.hint) from problem
    if not found:
        raise RefusedError(f"the secret {name} is empty", hint="set it where its reference points")
    return found
