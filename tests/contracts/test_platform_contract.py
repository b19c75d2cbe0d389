"""What every platform promises; the fake always, plain processes for real."""

import itertools
import sys
import time

import pytest

from opsbook.clock import SystemClock
from opsbook.errors import UsageError
from opsbook.platforms.base import FleetSpec, InstanceStatus, LogQuery
from opsbook.platforms.fake import FakePlatform
from opsbook.platforms.ports import PortRange
from opsbook.platforms.process import ProcessPlatform
from opsbook.supervision import Supervisor

TALKS = """
import sys, time
print('hello', flush=True)
print('oops', file=sys.stderr, flush=True)
time.sleep(600)
"""


@pytest.fixture(params=["fake", "process"])
def platform(request, tmp_path):
    if request.param == "fake":
        yield FakePlatform()
        return
    made = ProcessPlatform(Supervisor(tmp_path / "p"), PortRange(25000, 25999), SystemClock())
    try:
        yield made
    finally:
        made.stop([i.name for i in made.instances()], grace_s=1)


def fleet(tmp_path, **changes):
    values = {
        "service": "api",
        "release": "r1",
        "size": 2,
        "argv": (sys.executable, "-c", TALKS),
        "cwd": tmp_path,
    }
    return FleetSpec(**{**values, **changes})


def test_ensure_starts_what_is_missing_and_stops_nothing(platform, tmp_path):
    first = platform.ensure(fleet(tmp_path))
    assert len(first) == 2 and len({i.port for i in first}) == 2
    again = platform.ensure(fleet(tmp_path))
    assert {i.pid for i in again} == {i.pid for i in first}
    assert len(platform.ensure(fleet(tmp_path, size=1))) == 2
    assert len(platform.ensure(fleet(tmp_path, size=3))) == 3


def test_instances_are_found_by_service_and_release(platform, tmp_path):
    platform.ensure(fleet(tmp_path, size=1))
    platform.ensure(fleet(tmp_path, size=1, release="r2"))
    platform.ensure(fleet(tmp_path, size=1, service="web", listens=False))
    assert len(platform.instances()) == 3
    assert [i.release for i in platform.instances(service="api", release="r2")] == ["r2"]
    assert [i.port for i in platform.instances(service="web")] == [None]


def test_stopped_ones_are_reported_and_can_be_forgotten(platform, tmp_path):
    names = [i.name for i in platform.ensure(fleet(tmp_path))]
    reports = platform.stop([*names, "nobody"], grace_s=2)
    assert {r.name for r in reports} == set(names) and not any(r.overran for r in reports)
    assert all(i.status is InstanceStatus.EXITED for i in platform.instances())
    assert platform.stop(names) == ()
    platform.remove(names)
    assert platform.instances() == ()


def test_living_ones_are_not_forgotten(platform, tmp_path):
    names = [i.name for i in platform.ensure(fleet(tmp_path))]
    platform.remove(names)
    assert len(platform.instances()) == 2


def test_usage_names_the_living(platform, tmp_path):
    names = [i.name for i in platform.ensure(fleet(tmp_path))]
    assert all(u.memory_bytes > 0 for u in platform.usage(names).values())
    assert platform.usage(["nobody"]) == {}


def speak(platform, names):
    if isinstance(platform, FakePlatform):
        for name in names:
            platform.say(name, "hello")
            platform.say(name, "oops")
        return
    deadline = time.monotonic() + 10
    while len(list(platform.logs(LogQuery()))) < 2 * len(names):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_lines_of_all_come_in_time_order_and_can_be_chosen(platform, tmp_path):
    names = [i.name for i in platform.ensure(fleet(tmp_path))]
    speak(platform, names)
    lines = list(platform.logs(LogQuery()))
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    assert {line.instance for line in lines} == set(names)
    assert [line.text for line in platform.logs(LogQuery(grep="^hel+o$"))] == ["hello"] * 2
    assert len(list(platform.logs(LogQuery(instances=(names[0],))))) == 2
    assert len(list(platform.logs(LogQuery(tail=1)))) == 1
    assert list(platform.logs(LogQuery(services=("web",)))) == []
    with pytest.raises(UsageError):
        list(platform.logs(LogQuery(grep="(")))


def test_following_shows_what_was_and_says_when_nothing_comes(platform, tmp_path):
    names = [i.name for i in platform.ensure(fleet(tmp_path))]
    speak(platform, names)
    seen = list(itertools.islice(platform.follow(LogQuery(), poll_s=0.01), 5))
    assert [line.text for line in seen if line] and seen[-1] is None


def test_a_one_off_command_answers(platform, tmp_path):
    result = platform.execute(fleet(tmp_path), [sys.executable, "-c", "print(1)"], timeout_s=20)
    assert result.code == 0 and not result.timed_out
