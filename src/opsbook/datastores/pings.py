"""Ask a datastore whether it answers: one question, one time limit, no retry."""

import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pymongo
import pymongo.errors
import redis


def postgres(url: str, timeout_s: float) -> str:
    """Connect and run ``SELECT 1``; empty when it answers, else why not."""
    limit = max(1, round(timeout_s))
    try:
        with psycopg.connect(url, connect_timeout=limit, autocommit=True) as connection:
            connection.execute("SELECT 1")
    except psycopg.Error as error:
        return _first_line(error)
    return ""


def redis_ping(url: str, timeout_s: float) -> str:
    """PING; empty when it answers, else why not."""
    client = redis.Redis.from_url(
        url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s, retry=None
    )
    try:
        client.ping()
    except redis.RedisError as error:
        return _first_line(error)
    finally:
        client.close()
    return ""


def mongodb(url: str, timeout_s: float) -> str:
    """``ping``; empty when it answers, else why not."""
    client: pymongo.MongoClient[dict[str, object]] = pymongo.MongoClient(
        url, serverSelectionTimeoutMS=int(timeout_s * 1000)
    )
    try:
        client.admin.command("ping")
    except pymongo.errors.PyMongoError as error:
        return _first_line(error)
    finally:
        client.close()
    return ""


def files(path: Path) -> str:
    """Whether the folder is there and may be read."""
    try:
        next(iter(path.iterdir()), None)
    except OSError as error:
        return str(error.strerror)
    return ""


def timed(ask: Callable[[], str]) -> tuple[str, float]:
    """The answer and how long it took, in milliseconds."""
    began = time.perf_counter()
    why = ask()
    return why, (time.perf_counter() - began) * 1000


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:200]
