"""Percentages of traffic as HAProxy server weights (0 to 256), pure."""

from collections.abc import Sequence

from opsbook.traffic.base import FleetShare

MAX_WEIGHT = 256


def server_weights(shares: Sequence[FleetShare]) -> dict[str, int]:
    """Weight of every server so that each fleet gets its percentage.

    A fleet's weight is the sum of its servers' weights. A share above 0 gives each
    server at least 1, a share of 0 gives exactly 0.
    """
    per_server = {
        share.release: share.percent / len(share.servers) for share in shares if share.servers
    }
    largest = max(per_server.values(), default=0.0)
    if largest <= 0:
        return {server.name: 0 for share in shares for server in share.servers}
    scale = _scale([value for value in per_server.values() if value > 0])
    return {
        server.name: _weight(per_server[share.release], scale)
        for share in shares
        for server in share.servers
    }


def _weight(value: float, scale: float) -> int:
    return 0 if value <= 0 else max(1, min(MAX_WEIGHT, round(value * scale)))


def _scale(values: list[float]) -> float:
    """The scale up to 256 at which rounding disturbs the proportions least."""
    largest = max(values)
    best, best_error = MAX_WEIGHT / largest, float("inf")
    for top in range(MAX_WEIGHT, 0, -1):
        scale = top / largest
        total = sum(_weight(v, scale) for v in values)
        wanted = sum(values)
        error = max(abs(_weight(v, scale) / total - v / wanted) for v in values)
        if error < best_error - 1e-12:
            best, best_error = scale, error
    return best
