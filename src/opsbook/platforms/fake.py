"""A platform in memory, for tests of the rooms above; passes the same contract."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from opsbook.clock import Clock, VirtualClock
from opsbook.platforms.base import (
    CommandResult,
    Exit,
    FleetSpec,
    Instance,
    InstanceStatus,
    LogLine,
    LogQuery,
    StopReport,
    Usage,
)
from opsbook.platforms.log_files import matcher, wanted


class FakePlatform:
    """Instances that run until told otherwise.

    ``answer`` is what one-off commands give; :meth:`crash` and :meth:`say` play what
    instances do by themselves.
    """

    name = "fake"

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or VirtualClock()
        self._instances: dict[str, Instance] = {}
        self._lines: list[LogLine] = []
        self._ports = itertools.count(20000)
        self.answer = CommandResult(0, "", 0.0)

    def ensure(self, fleet: FleetSpec) -> tuple[Instance, ...]:
        alive = [i for i in self._of(fleet.service, fleet.release) if _lives(i)]
        number = max((_number(i) for i in self._of(fleet.service, fleet.release)), default=0)
        for _ in range(fleet.size - len(alive)):
            number += 1
            name = f"{fleet.service}-{fleet.release}-{number}"
            self._instances[name] = Instance(
                name,
                fleet.service,
                fleet.release,
                InstanceStatus.RUNNING,
                port=next(self._ports) if fleet.listens else None,
                pid=100_000 + len(self._instances),
                started_at=self._clock.now(),
            )
        return self._of(fleet.service, fleet.release)

    def instances(
        self, *, service: str | None = None, release: str | None = None
    ) -> tuple[Instance, ...]:
        return self._of(service, release)

    def usage(self, names: Sequence[str]) -> Mapping[str, Usage]:
        return {name: Usage(2**20, 0.0, 8) for name in names if name in self._instances}

    def stop(self, names: Sequence[str], *, grace_s: float | None = None) -> tuple[StopReport, ...]:
        reports = []
        for name in names:
            found = self._instances.get(name)
            if found is None or not _lives(found):
                continue
            ended = Exit(self._clock.now(), 0, None)
            self._instances[name] = replace(
                found, status=InstanceStatus.EXITED, pid=None, last_exit=ended
            )
            reports.append(StopReport(name, 0.0, False, ended))
        return tuple(reports)

    def remove(self, names: Sequence[str]) -> None:
        for name in names:
            if name in self._instances and not _lives(self._instances[name]):
                del self._instances[name]

    def logs(self, query: LogQuery) -> Iterator[LogLine]:
        matches = matcher(query.grep)
        found = [
            line
            for line in sorted(self._lines, key=lambda line: line.at)
            if not query.services or line.service in query.services
            if not query.instances or line.instance in query.instances
            if wanted(line, query) and matches(line.text)
        ]
        return iter(found if query.tail is None else found[-query.tail :] if query.tail else [])

    def follow(self, query: LogQuery, *, poll_s: float = 0.25) -> Iterator[LogLine | None]:
        seen = 0
        while True:
            lines = list(self.logs(query))
            yield from lines[seen:]
            seen = len(lines)
            yield None
            self._clock.sleep(poll_s)

    def execute(
        self, fleet: FleetSpec, argv: Sequence[str], *, timeout_s: float | None = None
    ) -> CommandResult:
        return self.answer

    def crash(self, name: str, *, code: int = 1) -> None:
        """The instance ends by itself and is restarted."""
        found = self._instances[name]
        ended = Exit(self._clock.now(), code, None)
        self._instances[name] = replace(found, crashes=found.crashes + 1, last_exit=ended)

    def say(self, name: str, text: str) -> None:
        """The instance writes a line."""
        service = self._instances[name].service
        self._lines.append(LogLine(self._clock.now(), service, name, "stdout", text))

    def _of(self, service: str | None, release: str | None) -> tuple[Instance, ...]:
        return tuple(
            i
            for i in self._instances.values()
            if service in (None, i.service) and release in (None, i.release)
        )


def _lives(instance: Instance) -> bool:
    return instance.status in (InstanceStatus.RUNNING, InstanceStatus.STARTING)


def _number(instance: Instance) -> int:
    return int(instance.name.rpartition("-")[2])
