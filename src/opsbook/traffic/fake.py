"""A proxy in memory, for tests of the rooms above."""

from collections.abc import Sequence

from opsbook.errors import FailedError, OpsbookError
from opsbook.traffic.base import FleetShare, ServerCounters, SwitchReport, Topology


class FakeRouter:
    """Remembers what it was told; ``fail_next`` is raised by the next change."""

    name = "fake"
    caveats: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.topology: Topology | None = None
        self.history: list[tuple[str, dict[str, float]]] = []
        self.fail_next: OpsbookError | None = None
        self.sessions: dict[str, int] = {}
        self._shares: dict[str, tuple[FleetShare, ...]] = {}

    def start(self, topology: Topology) -> None:
        self.topology = topology

    def configure(self, topology: Topology) -> None:
        self.topology = topology

    def set_shares(self, service: str, shares: Sequence[FleetShare]) -> SwitchReport:
        if self.fail_next is not None:
            problem, self.fail_next = self.fail_next, None
            raise problem
        if self.topology is None or service not in {p.service for p in self.topology.pools}:
            raise FailedError(f"the proxy has no pool for {service}")
        self._shares[service] = tuple(shares)
        self.history.append((service, {s.release: s.percent for s in shares}))
        return SwitchReport(service, 0.1, len(shares))

    def shares(self, service: str) -> tuple[FleetShare, ...]:
        return self._shares.get(service, ())

    def counters(self, service: str | None = None) -> tuple[ServerCounters, ...]:
        return tuple(
            ServerCounters(
                name, server.name, "UP", 1, 0, 0, 0, 0, self.sessions.get(server.name, 0)
            )
            for name, shares in self._shares.items()
            if service in (None, name)
            for share in shares
            for server in share.servers
        )

    def forget(self, service: str, servers: Sequence[str], *, force: bool = False) -> None:
        if force:
            self.sessions = {k: n for k, n in self.sessions.items() if k not in servers}
        self._shares[service] = tuple(
            FleetShare(share.release, share.percent, rest)
            for share in self._shares.get(service, ())
            if (rest := tuple(s for s in share.servers if s.name not in servers))
        )

    def running(self) -> bool:
        return self.topology is not None

    def stop(self) -> None:
        self.topology = None
