"""Packs paid orders: `python -m shop.worker`. On SIGTERM it finishes its job and exits 0."""

import os
import signal
import socket
import time
from dataclasses import dataclass

import psycopg
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from shop import release, settings, startup
from shop.log import Log
from shop.queue import WorkerQueue

WAIT_S = 0.5
CARE_EVERY_S = 3.0
FORGOTTEN_AFTER_S = 60
PAUSE_S = 1.0


class Packing:
    """The database's part: an order is packed once, however often it is asked for."""

    def __init__(self, url: str, worker: str) -> None:
        self._url = url.replace("postgresql+psycopg:", "postgresql:", 1)
        self._worker = worker
        self._connection: psycopg.Connection[tuple[object, ...]] | None = None

    def pack(self, order_id: str, job_s: float) -> bool:
        """Ship the order; False when it was shipped before. Raises psycopg.Error.

        The shipment's key is the order, so a second worker waits here and then does nothing.
        """
        connection = self._connect()
        with connection.transaction():
            shipped = connection.execute(
                "INSERT INTO shipments (order_id, worker) SELECT id, %s FROM orders WHERE id = %s"
                " ON CONFLICT DO NOTHING",
                [self._worker, order_id],
            )
            if shipped.rowcount == 0:
                return False
            time.sleep(job_s)
            connection.execute(
                "UPDATE orders SET status = 'fulfilled', fulfilled_at = now() WHERE id = %s",
                [order_id],
            )
        return True

    def forgotten(self) -> list[str]:
        """Orders paid a while ago that nobody packed: their job never reached the queue."""
        rows = self._connect().execute(
            "SELECT id FROM orders WHERE status = 'paid'"
            " AND created_at < now() - make_interval(secs => %s) LIMIT 1000",
            [FORGOTTEN_AFTER_S],
        )
        return [str(row[0]) for row in rows]

    def _connect(self) -> "psycopg.Connection[tuple[object, ...]]":
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self._url, autocommit=True, connect_timeout=3)
        return self._connection


@dataclass
class Worker:
    """Takes one job after the other until it is told to stop."""

    queue: WorkerQueue
    packing: Packing
    log: Log
    job_s: float
    stopping: bool = False
    packed: int = 0

    def stop(self, number: int, frame: object) -> None:
        """The signal handler: stop after the job in hand."""
        self.stopping = True

    def run(self) -> None:
        """Until told to stop. A dependency that is away is waited for."""
        next_care = 0.0
        while not self.stopping:
            try:
                if time.monotonic() >= next_care:
                    self._care()
                    next_care = time.monotonic() + CARE_EVERY_S
                job = self.queue.take(WAIT_S)
                if job is not None:
                    self._do(job)
            except (RedisError, OSError, psycopg.Error) as error:
                self.log.error("worker waits for a dependency", reason=error)
                self._hand_back()
                next_care = 0.0
                time.sleep(PAUSE_S)
        self._hand_back()
        self.log.info("worker stopped", packed=self.packed)

    def _do(self, job: str) -> None:
        try:
            if self.packing.pack(job, self.job_s):
                self.packed += 1
                self.log.debug("order packed", order=job)
        except psycopg.DataError:
            self.log.error("not an order, dropped", job=job)
        self.queue.done(job)

    def _care(self) -> None:
        self.queue.renew()
        recovered = self.queue.recover_dead()
        if recovered:
            self.log.warning("jobs of a dead worker are back in the queue", jobs=recovered)
        if self.queue.is_empty():
            self.queue.put_back(self.packing.forgotten())

    def _hand_back(self) -> None:
        try:
            self.queue.leave()
        except (RedisError, OSError) as error:
            self.log.warning("left without saying so", reason=error)


def main() -> None:
    """Start."""
    found = settings.read_or_exit("DATABASE_URL", "REDIS_URL")
    startup.check()
    name = f"{socket.gethostname()}-{os.getpid()}-{time.time_ns()}"
    redis = Redis.from_url(
        found.redis_url,
        decode_responses=True,
        socket_timeout=5,
        socket_connect_timeout=2,
        retry=Retry(NoBackoff(), 0),
    )
    log = Log(found.log_level)
    job_s = float(os.environ.get("SHOP_JOB_MS") or 5) / 1000
    worker = Worker(WorkerQueue(redis, name), Packing(found.database_url, name), log, job_s)
    signal.signal(signal.SIGTERM, worker.stop)
    signal.signal(signal.SIGINT, worker.stop)
    log.info("worker started", version=release.current().version, worker=name)
    worker.run()


if __name__ == "__main__":
    main()
