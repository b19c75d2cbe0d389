"""Rules about services, their dependencies and their strategies."""

import re
import shlex
from collections.abc import Iterator
from itertools import pairwise

from opsbook.config.model.dependency import Postgres, Redis, Tcp
from opsbook.config.model.strategy import Canary, Rolling
from opsbook.config.scene import Broken, Rule, Scene, exactly_one
from opsbook.config.weak import has_password, looks_secret

_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SHELL_VARIABLE = re.compile(r"\$(?:\{)?[A-Za-z_]")
_ADDRESS = re.compile(r"[^\s:/]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5}")
_SCHEMES = {
    "postgres": ("postgres", "postgresql"),
    "redis": ("redis", "rediss", "valkey", "unix"),
    "mongodb": ("mongodb", "mongodb+srv"),
    "elasticsearch": ("http", "https"),
    "http": ("http", "https"),
}


def something_to_run(scene: Scene) -> Iterator[Broken]:
    """Every service can be started on the chosen platform."""
    if not scene.names("services"):
        yield Broken((), "declares no services", "add services: {api: {run: …}}")
    process = scene.config.platform == "process"
    for name, service in scene.config.services.items():
        here = ("services", name)
        if process and not service.run:
            yield Broken(here, "has nothing to run", "add run: COMMAND")
        if process and (service.image or service.build.context):
            key = "image" if service.image else "build"
            message = "needs containers, and the platform is process"
            yield Broken((*here, key), message, "platform: docker, or build from commands")
        if not process and not service.image and not service.build.context:
            yield Broken(here, "has no image", "add image: NAME, or build: {context: .}")


def command_lines(scene: Scene) -> Iterator[Broken]:
    """``run`` can be split into words."""
    for name, service in scene.config.services.items():
        steps = ("services", name, "run")
        try:
            words = shlex.split(service.run or "x")
        except ValueError:
            yield Broken(steps, "has an open quote", "close it")
            continue
        if not service.shell and {"|", "&&", ";", ">", "||"} & set(words):
            hint = "add shell: true, or put it in a script"
            yield Broken(steps, "is written for a shell, and none is used", hint)
        elif not service.shell and _SHELL_VARIABLE.search(service.run or ""):
            hint = "add shell: true, or let the program read its environment"
            yield Broken(steps, "has a variable, and only a shell replaces it", hint)


def routes(scene: Scene) -> Iterator[Broken]:
    """No two services take the same requests."""
    owners: dict[tuple[str, str], str] = {}
    for name, service in scene.config.services.items():
        for route in service.routes:
            key = (route.host.lower(), route.path.rstrip("/") or "/")
            owner = owners.setdefault(key, name)
            if owner != name:
                message = f"{route.host}{route.path} belongs to {owner} already"
                yield Broken(("services", name, "route"), message, "the longest path wins")


def sizes(scene: Scene) -> Iterator[Broken]:
    """Numbers of instances, and of restarts, fit together."""
    for name, service in scene.config.services.items():
        here = ("services", name)
        scale = service.autoscale
        if scale and scale.min > scale.max:
            yield Broken((*here, "autoscale"), "min is above max", "swap them")
        if scale and scene.config.platform != "kubernetes":
            yield Broken((*here, "autoscale"), "needs Kubernetes", "use instances")
        if service.exclusive and (service.instances > 1 or (scale and scale.max > 1)):
            yield Broken((*here, "exclusive"), "only one instance can be exclusive", "instances: 1")
        if service.restart.backoff_min > service.restart.backoff_max:
            yield Broken((*here, "restart"), "backoff_min is above backoff_max", "swap them")
        reserve, limit = service.resources.reserve, service.resources
        if reserve.memory and limit.memory and reserve.memory > limit.memory:
            yield Broken((*here, "resources", "reserve"), "promises more memory than the limit")


def secrets_are_references(scene: Scene) -> Iterator[Broken]:
    """Each secret comes from one place, and its pattern can be used."""
    for name, service in scene.config.services.items():
        for key, reference in service.secrets.items():
            here = ("services", name, "secrets", key)
            yield from exactly_one(here, reference, ("env", "file", "command"))
            if reference.pattern and not _compiles(reference.pattern):
                hint = "such as ^[0-9a-f]{64}$"
                yield Broken((*here, "pattern"), "is not a regular expression", hint)
            if key in service.env:
                steps = ("services", name, "env", key)
                yield Broken(steps, "is a secret too", "keep it in secrets")


def variables(scene: Scene) -> Iterator[Broken]:
    """Variables have names a process can have, and hold no secrets."""
    for name, service in scene.config.services.items():
        for part in ("env", "secrets"):
            for key in getattr(service, part):
                if not _VARIABLE_NAME.fullmatch(key):
                    steps = ("services", name, part, key)
                    yield Broken(steps, "is not the name of a variable", "letters, digits and _")
        for key in service.env:
            written = scene.raw("services", name, "env", key)
            if isinstance(written, str) and looks_secret(key, written):
                hint = f"secrets: {{{key}: {{env: {key}}}}}"
                message = "looks like a secret; it is stored and shown as it is"
                yield Broken(("services", name, "env", key), message, hint, "warning")


def dependency_addresses(scene: Scene) -> Iterator[Broken]:
    """Every dependency has an address of the right kind, or is run by Opsbook."""
    for name, dependency in scene.config.dependencies.items():
        here = ("dependencies", name)
        yield from _url(scene, name)
        if isinstance(dependency, Postgres | Redis):
            if dependency.embedded and dependency.url:
                yield Broken(here, "has url and embedded", "keep one of them")
            if not dependency.embedded and not dependency.url:
                yield Broken(here, "has no address", "add url: ${…}, or embedded: true")
        if isinstance(dependency, Tcp) and not _is_address(scene, dependency):
            yield Broken((*here, "address"), "is not an address", "host:port")
        if getattr(dependency, "pool_min", 0) > getattr(dependency, "pool_max", 1):
            yield Broken((*here, "pool_min"), "is above pool_max", "swap them")


def _is_address(scene: Scene, dependency: Tcp) -> bool:
    unresolved = ("dependencies", dependency.name, "address") in scene.unresolved
    return unresolved or bool(_ADDRESS.fullmatch(dependency.address))


def _url(scene: Scene, name: str) -> Iterator[Broken]:
    dependency, steps = scene.config.dependencies[name], ("dependencies", name, "url")
    url = getattr(dependency, "url", None)
    if not url or steps in scene.unresolved:
        return
    allowed = _SCHEMES[dependency.type]
    scheme = url.reveal().partition("://")[0]
    if scheme not in allowed or "://" not in url.reveal():
        yield Broken(steps, f"is no {dependency.type} address", f"it starts with {allowed[0]}://")


def passwords_in_the_file(scene: Scene) -> Iterator[Broken]:
    """Passwords come from outside."""
    for section in ("dependencies", "channels", "stores"):
        for name in scene.names(section):
            for key in ("url", "server", "replica"):
                written = scene.raw(section, name, key)
                if isinstance(written, str) and has_password(written):
                    message = "has a password in the file"
                    hint = f"put the address in a variable: {key}: ${{{name.upper()}_URL}}"
                    yield Broken((section, name, key), message, hint, "warning")


def variables_of_dependencies(scene: Scene) -> Iterator[Broken]:
    """No two dependencies reach a service under one variable."""
    config = scene.config
    reported: set[str] = set()
    for service in config.services.values():
        taken: dict[str, str] = {}
        for name in config.dependencies_for(service.name):
            variable = config.dependencies[name].variable if name in config.dependencies else ""
            owner = taken.setdefault(variable, name) if variable else name
            if owner != name and name not in reported:
                reported.add(name)
                message = f"{variable} is the address of {owner} already"
                yield Broken(("dependencies", name), message, "give it another: env: NAME")


def strategies_move(scene: Scene) -> Iterator[Broken]:
    """A strategy gets to its end, in time."""
    for name, strategy in scene.config.strategies.items():
        here = ("strategies", name)
        if isinstance(strategy, Rolling) and _stands_still(strategy):
            yield Broken(here, "can never replace an instance", "surge: 1")
        if isinstance(strategy, Canary):
            yield from _canary(name, strategy)


def _stands_still(strategy: Rolling) -> bool:
    amounts = (strategy.surge, strategy.unavailable)
    return not any(amount.count or amount.percent for amount in amounts)


def _canary(name: str, strategy: Canary) -> Iterator[Broken]:
    steps = ("strategies", name, "steps")
    shares = [step for step in strategy.steps if isinstance(step, float)]
    if not shares:
        yield Broken(steps, "moves no traffic", "such as [5%, 25%, 50%, 100%]")
    if any(later <= earlier for earlier, later in pairwise(shares)):
        yield Broken(steps, "do not grow", "each share is larger than the one before")
    elif strategy.every * len([s for s in shares if s < 100]) > strategy.deadline:
        hint = "a longer deadline, fewer steps, or a shorter every"
        yield Broken(("strategies", name), "cannot finish before its deadline", hint)


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


SERVICE_RULES: tuple[Rule, ...] = (
    something_to_run,
    command_lines,
    routes,
    sizes,
    secrets_are_references,
    variables,
    dependency_addresses,
    passwords_in_the_file,
    variables_of_dependencies,
    strategies_move,
)
