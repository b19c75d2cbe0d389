"""The connection to Redis, which holds the cache, the sessions and the order queue."""

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError


def connect(url: str) -> "Redis":
    """A client that answers or fails within two seconds and tries a broken connection twice."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=32,
        timeout=2,
        socket_timeout=2,
        socket_connect_timeout=1,
        decode_responses=True,
        retry=Retry(NoBackoff(), 1),
        retry_on_error=[RedisConnectionError],
    )
    return Redis(connection_pool=pool)
