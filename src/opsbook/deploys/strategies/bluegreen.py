"""Blue-green: a whole second fleet, then all traffic at once."""

from opsbook.deploys.plan import Kind, Step
from opsbook.deploys.strategies.base import Shift


def shift(service: Shift) -> list[Step]:
    """Traffic from 0 to 100 % in one act; the new fleet is up and ready by then."""
    return [Step(Kind.SHARES, service.service, service.new, shares=service.shares(100.0))]
