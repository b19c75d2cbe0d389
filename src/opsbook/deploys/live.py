"""What is live: the promoted release, its sizes, and the shape of the proxy."""

from dataclasses import dataclass

from opsbook.config import Config
from opsbook.deploys import release as releases
from opsbook.deploys.plan import Current, Fleet
from opsbook.deploys.records import Releases
from opsbook.deploys.release import Release
from opsbook.runtime import Runtime
from opsbook.state import settings
from opsbook.traffic.base import HealthCheck, Pool, Route, Topology

_LIVE = "live"
_NO_RETURN = "no_return"


@dataclass(frozen=True)
class Live:
    """The promoted release and how many instances each of its services has."""

    release: str = ""
    sizes: tuple[tuple[str, int], ...] = ()


def read(runtime: Runtime) -> Live:
    """What was promoted last; empty before the first deployment."""
    raw = settings.get(runtime.database, _LIVE)
    if not raw:
        return Live()
    return Live(raw["release"], tuple((name, int(size)) for name, size in raw["sizes"]))


def write(runtime: Runtime, live: Live) -> None:
    """Make a release the live one."""
    value = {"release": live.release, "sizes": [list(pair) for pair in live.sizes]}
    settings.put(runtime.database, _LIVE, value)


def forbid_return(runtime: Runtime, release_id: str) -> None:
    """Remember that the database cannot go back before this release."""
    barred = settings.get(runtime.database, _NO_RETURN) or []
    if release_id not in barred:
        settings.put(runtime.database, _NO_RETURN, [*barred, release_id])


def no_return(runtime: Runtime) -> tuple[str, ...]:
    """Releases whose migration cannot be undone, in the order they were applied."""
    return tuple(settings.get(runtime.database, _NO_RETURN) or ())


def load_release(runtime: Runtime, release_id: str) -> Release:
    """A stored release. Raises NotFoundError."""
    return releases.decode(Releases(runtime.database).get(release_id).document)


def live_release(runtime: Runtime) -> Release | None:
    """The promoted release itself."""
    live = read(runtime)
    return load_release(runtime, live.release) if live.release else None


def current(runtime: Runtime) -> Current:
    """The state plans are made for."""
    live = read(runtime)
    if not live.release:
        return Current()
    release = load_release(runtime, live.release)
    fleets = tuple(Fleet(name, live.release, size) for name, size in live.sizes)
    routed = tuple(n for n, _ in live.sizes if not release.services[n].is_worker)
    return Current(live.release, fleets, routed)


def topology(config: Config, *shown: Release) -> Topology:
    """Listeners from the ops file, routes and pools from the releases; the first one wins."""
    routes: dict[tuple[str, str], Route] = {}
    pools: dict[str, Pool] = {}
    for release in shown:
        for name, service in release.services.items():
            if service.is_worker:
                continue
            pools.setdefault(
                name,
                Pool(
                    name,
                    HealthCheck(service.ready_path, timeout_s=service.probe_timeout_s),
                    service.response_timeout_s,
                ),
            )
            for route in service.routes:
                key = (route["host"], route["path"])
                routes.setdefault(key, Route(name, route["path"], route["host"], route["strip"]))
    host, _, port = config.traffic.listen.rpartition(":")
    tls = config.traffic.tls
    return Topology(
        listen_host=host or "127.0.0.1",
        listen_port=int(port),
        certificate=str((config.root / tls.certificate).resolve()) if tls else "",
        tls_port=int(tls.listen.rpartition(":")[2]) if tls else None,
        routes=tuple(routes.values()),
        pools=tuple(pools.values()),
    )
