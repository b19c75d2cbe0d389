"""Rolling: a few instances at a time, traffic in proportion to instances."""

from opsbook.deploys.plan import Kind, Step
from opsbook.deploys.strategies.base import Shift


def shift(service: Shift, *, surge: int, unavailable: int) -> list[Step]:
    """Batches of start, ready, share, stop.

    Never more than ``new_size + surge`` instances and never fewer ready ones than
    ``new_size - unavailable``, and never none: the last ready instance goes only when
    another one took its place, whatever ``unavailable`` allows; where the two bounds leave
    no room for that, one instance more than ``surge`` is started. The last old instances
    stay warm for the watch: they are stopped after it.
    """
    name, old, new = service.service, service.old, service.new
    if not old or not service.old_size:
        return [
            Step(Kind.START, name, new, size=service.new_size),
            Step(Kind.READY, name, new),
            Step(Kind.SHARES, name, new, shares={new: 100.0}),
        ]
    floor = max(1, min(service.old_size, service.new_size) - unavailable)
    ceiling = max(service.new_size, service.old_size) + surge
    if ceiling == floor:
        ceiling += 1
    planned: list[Step] = []
    olds, news = service.old_size, 0
    while news < service.new_size:
        batch = min(service.new_size - news, ceiling - olds - news)
        if batch <= 0:
            olds = max(floor - news, 0, olds - max(1, ceiling - floor))
            planned.append(_share(service, olds, news))
            planned.append(Step(Kind.STOP, name, old, size=olds))
            continue
        news += batch
        planned.append(Step(Kind.START, name, new, size=news))
        planned.append(Step(Kind.READY, name, new))
        planned.append(_share(service, olds, news))
    planned.append(Step(Kind.SHARES, name, new, shares={old: 0.0, new: 100.0}))
    return planned


def _share(service: Shift, olds: int, news: int) -> Step:
    percent = 100.0 * news / (olds + news) if olds + news else 0.0
    shares = {service.old: 100.0 - percent, service.new: percent}
    return Step(Kind.SHARES, service.service, service.new, shares=shares)
