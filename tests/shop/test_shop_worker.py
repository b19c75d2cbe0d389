"""The worker loses no job and does none twice."""

import psycopg
import pytest
from redis.exceptions import ConnectionError as RedisDown

from shop.queue import QUEUE, WORKERS, WorkerQueue
from shop.worker import Worker


class FakeRedis:
    """The few list, set and key commands the queue needs, without time."""

    def __init__(self):
        self.lists, self.names, self.keys = {}, set(), set()

    def lpush(self, key, *values):
        for value in values:
            self.lists.setdefault(key, []).insert(0, value)

    def lmove(self, source, target, src, dest):
        found = self.lists.get(source)
        if not found:
            return None
        value = found.pop(-1 if src == "RIGHT" else 0)
        place = self.lists.setdefault(target, [])
        place.insert(len(place) if dest == "RIGHT" else 0, value)
        return value

    def blmove(self, source, target, wait_s, src, dest):
        return self.lmove(source, target, src, dest)

    def lrem(self, key, count, value):
        self.lists[key].remove(value)

    def llen(self, key):
        return len(self.lists.get(key, []))

    def sadd(self, key, name):
        self.names.add(name)

    def srem(self, key, name):
        self.names.discard(name)

    def smembers(self, key):
        return set(self.names)

    def set(self, key, value, ex):
        self.keys.add(key)

    def delete(self, key):
        self.keys.discard(key)

    def exists(self, key):
        return key in self.keys


class FakePacking:
    def __init__(self):
        self.packed, self.waiting, self.after = [], [], lambda: None

    def pack(self, order_id, job_s):
        self.after()
        if order_id in self.packed:
            return False
        self.packed.append(order_id)
        return True

    def forgotten(self):
        return self.waiting


class FakeLog:
    def __init__(self):
        self.lines = []

    def debug(self, message, **values):
        pass

    info = warning = error = lambda self, message, **values: self.lines.append(message)


@pytest.fixture
def redis():
    return FakeRedis()


def worker(redis, name, jobs):
    """A worker that stops after `jobs` jobs."""
    packing = FakePacking()
    made = Worker(WorkerQueue(redis, name), packing, FakeLog(), 0.0)
    left = [jobs]

    def count():
        left[0] -= 1
        made.stopping = left[0] <= 0

    packing.after = count
    return made


def test_jobs_are_done_in_the_order_they_came(redis):
    for job in ("a", "b", "c"):
        redis.lpush(QUEUE, job)
    made = worker(redis, "w1", 3)
    made.run()
    assert made.packing.packed == ["a", "b", "c"]
    assert not any(redis.lists.values())


def test_a_worker_told_to_stop_finishes_its_job_and_takes_no_other(redis):
    redis.lpush(QUEUE, "a", "b")
    made = worker(redis, "w1", 1)
    made.run()
    assert made.packing.packed == ["a"]
    assert redis.lists[QUEUE] == ["b"]
    assert redis.names == set()


def test_the_jobs_of_a_dead_worker_are_done_by_another(redis):
    redis.lpush(QUEUE, "a")
    dead = WorkerQueue(redis, "dead")
    dead.renew()
    assert dead.take(0) == "a"
    redis.delete(f"{WORKERS}:dead")
    made = worker(redis, "w2", 1)
    made.run()
    assert made.packing.packed == ["a"]
    assert "jobs of a dead worker are back in the queue" in made.log.lines


def test_the_jobs_of_a_living_worker_are_left_to_it(redis):
    redis.lpush(QUEUE, "a")
    living = WorkerQueue(redis, "living")
    living.renew()
    living.take(0)
    assert WorkerQueue(redis, "w2").recover_dead() == 0


def test_a_job_that_comes_twice_is_done_once(redis):
    redis.lpush(QUEUE, "a", "a")
    made = worker(redis, "w1", 2)
    made.run()
    assert made.packing.packed == ["a"]
    assert made.packed == 1


def test_an_order_that_never_reached_the_queue_is_packed(redis):
    made = worker(redis, "w1", 1)
    made.packing.waiting = ["lost"]
    made.run()
    assert made.packing.packed == ["lost"]


def test_a_job_that_is_no_order_is_dropped_and_reported(redis):
    redis.lpush(QUEUE, "rubbish", "a")
    made = worker(redis, "w1", 2)
    count = made.packing.after

    def fail_first():
        count()
        if not made.packing.packed and redis.llen(QUEUE) == 1:
            raise psycopg.DataError("invalid input syntax for type uuid")

    made.packing.after = fail_first
    made.run()
    assert made.packing.packed == ["a"]
    assert "not an order, dropped" in made.log.lines


def test_leaving_without_redis_is_said_and_not_fatal(redis):
    made = worker(redis, "w1", 1)
    redis.lpush(QUEUE, "a")

    def gone(*_):
        raise RedisDown("connection refused")

    made.queue.leave = gone
    made.run()
    assert "left without saying so" in made.log.lines
