"""What every proxy adapter can do: routes, shares of traffic, and honest counters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Route:
    """Requests whose host and path match go to ``service``; the longest path wins.

    ``strip`` removes the path prefix before the service sees it.
    """

    service: str
    path: str = "/"
    host: str = ""
    strip: bool = False


@dataclass(frozen=True)
class HealthCheck:
    """How the proxy itself asks whether a server is ready; empty path means TCP only."""

    path: str = ""
    interval_s: float = 1.0
    timeout_s: float = 2.0
    rise: int = 1
    fall: int = 3


@dataclass(frozen=True)
class Pool:
    """The settings of one service's pool of servers."""

    service: str
    health: HealthCheck = HealthCheck()
    response_timeout_s: float = 60.0
    tunnel_timeout_s: float = 3600.0


@dataclass(frozen=True)
class Topology:
    """Everything that does not change with a deployment."""

    listen_host: str = "127.0.0.1"
    listen_port: int = 8080
    certificate: str = ""
    tls_port: int | None = None
    routes: tuple[Route, ...] = ()
    pools: tuple[Pool, ...] = ()


@dataclass(frozen=True)
class Server:
    """One address that can take requests; ``name`` is the instance's name."""

    name: str
    host: str
    port: int


@dataclass(frozen=True)
class FleetShare:
    """``percent`` (0 to 100) of a service's new requests go to these servers.

    A share of 0 drains: nothing new arrives, what is there is left alone.
    """

    release: str
    percent: float
    servers: tuple[Server, ...]


@dataclass(frozen=True)
class SwitchReport:
    """``switch_ms``: from the first command to the last acknowledgement of the proxy."""

    service: str
    switch_ms: float
    commands: int


@dataclass(frozen=True)
class ServerCounters:
    """Cumulative counts of one server since the proxy learned of it.

    ``failed`` is what a user saw fail: 5xx answers, connection errors and aborted
    responses. ``sessions`` is what is in flight now, WebSockets included.
    """

    service: str
    server: str
    status: str
    weight: int
    requests: int
    failed: int
    connection_errors: int
    response_errors: int
    sessions: int
    by_class: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class RequestSample:
    """One finished request, from the proxy's log.

    ``status`` is -1 when the client left; ``duration_us`` runs from the first byte
    of the request to the last of the answer.
    """

    service: str
    server: str
    status: int
    duration_us: int
    route: str = ""


class Router(Protocol):
    """Moves traffic. Safe to repeat; after a restart the proxy shows the same state.

    Raises ConflictError when the listening port is taken, FailedError when the
    proxy refuses its configuration (the running one is then left as it was),
    TransientError when it does not answer.
    """

    name: str

    def start(self, topology: Topology) -> None:
        """Start the proxy, or adopt the running one, with this topology."""
        ...

    def configure(self, topology: Topology) -> None:
        """Change routes, pools or listeners; a no-op when nothing differs."""
        ...

    def set_shares(self, service: str, shares: Sequence[FleetShare]) -> SwitchReport:
        """Make these fleets, with these shares, the whole pool of ``service``.

        Servers not named any more are drained, not cut; :meth:`forget` removes them.
        """
        ...

    def shares(self, service: str) -> tuple[FleetShare, ...]:
        """What was last set, as the proxy knows it."""
        ...

    def counters(self, service: str | None = None) -> tuple[ServerCounters, ...]:
        """Counts per server, read from the proxy now."""
        ...

    def forget(self, service: str, servers: Sequence[str], *, force: bool = False) -> None:
        """Remove drained servers; with ``force`` cut what is still in flight."""
        ...

    def running(self) -> bool:
        """Whether the proxy answers."""
        ...

    def stop(self) -> None:
        """Stop the proxy."""
        ...
