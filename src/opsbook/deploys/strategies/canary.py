"""Canary: a growing share of the traffic, each share judged before the next."""

from collections.abc import Sequence

from opsbook.deploys.plan import Kind, Step
from opsbook.deploys.strategies.base import Shift


def shift(service: Shift, *, steps: Sequence[float | str], every_s: float) -> list[Step]:
    """Shares in order, an analysis after each below 100 %, ``pause`` where it stands.

    The instances that were judged are the ones that serve in the end: the whole new
    fleet is up from the first share on.
    """
    if not service.old or not service.old_size:
        return [Step(Kind.SHARES, service.service, service.new, shares=service.shares(100.0))]
    planned: list[Step] = []
    wanted = [*steps, 100.0] if not steps or steps[-1] != 100.0 else list(steps)
    for item in wanted:
        if isinstance(item, str):
            planned.append(Step(Kind.PAUSE, service.service, service.new))
            continue
        shares = service.shares(item)
        planned.append(Step(Kind.SHARES, service.service, service.new, shares=shares))
        if item < 100.0:
            planned.append(
                Step(
                    Kind.ANALYSE,
                    service.service,
                    service.new,
                    seconds=every_s,
                    against=service.old,
                )
            )
    return planned
