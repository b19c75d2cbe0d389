"""The list of orders to pack, kept in Redis so that no job is lost and none is done twice.

A worker moves a job from `queue:orders` to its own list in one step (BLMOVE) and removes it when
the order is packed. While it lives it renews a key; the jobs of a worker whose key is gone go back
to the queue. Packing is idempotent (see `shop.worker`), so a job that comes twice is harmless.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redis import Redis
    from redis.asyncio import Redis as AsyncRedis

QUEUE = "queue:orders"
WORKERS = "queue:orders:workers"
ALIVE_S = 10


async def push(redis: "AsyncRedis", order_id: str) -> None:
    """Add a job."""
    await redis.lpush(QUEUE, order_id)


async def depth(redis: "AsyncRedis") -> int:
    """Jobs that wait."""
    return int(await redis.llen(QUEUE))


class WorkerQueue:
    """The queue as one worker sees it."""

    def __init__(self, redis: "Redis", worker: str) -> None:
        self._redis, self._worker = redis, worker
        self._mine = f"{QUEUE}:processing:{worker}"

    def renew(self) -> None:
        """Say that this worker lives."""
        self._redis.sadd(WORKERS, self._worker)
        self._redis.set(f"{WORKERS}:{self._worker}", "alive", ex=ALIVE_S)

    def take(self, wait_s: float) -> str | None:
        """The oldest job, now this worker's; None when none came in `wait_s`."""
        job = self._redis.blmove(QUEUE, self._mine, wait_s, src="RIGHT", dest="LEFT")
        return None if job is None else str(job)

    def done(self, job: str) -> None:
        """Forget a finished job."""
        self._redis.lrem(self._mine, 1, job)

    def leave(self) -> None:
        """Hand back what is left and say that this worker is gone."""
        self._recover(self._worker)

    def recover_dead(self) -> int:
        """Put the jobs of workers that died back; how many there were."""
        names = {str(name) for name in self._redis.smembers(WORKERS)} - {self._worker}
        dead = [name for name in names if not self._redis.exists(f"{WORKERS}:{name}")]
        return sum(self._recover(name) for name in sorted(dead))

    def is_empty(self) -> bool:
        """True when no job waits."""
        return int(self._redis.llen(QUEUE)) == 0

    def put_back(self, jobs: list[str]) -> None:
        """Queue jobs again that never reached the queue."""
        if jobs:
            self._redis.lpush(QUEUE, *jobs)

    def _recover(self, name: str) -> int:
        count = 0
        while self._redis.lmove(f"{QUEUE}:processing:{name}", QUEUE, "RIGHT", "RIGHT") is not None:
            count += 1
        self._redis.srem(WORKERS, name)
        self._redis.delete(f"{WORKERS}:{name}")
        return count
