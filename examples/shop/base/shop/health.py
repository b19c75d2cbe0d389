"""Is this process well, and how quickly does what it needs answer?"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from shop.metrics import resident_bytes

TIMEOUT_S = 2.0
Check = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Report:
    """The answer of /health and /health/ready."""

    ok: bool
    body: dict[str, object]


async def report(checks: dict[str, Check]) -> Report:
    """Ask everything at once, each for at most two seconds; `responseTime` is in milliseconds."""
    answers = await asyncio.gather(*(_ask(check) for check in checks.values()))
    results: dict[str, object] = dict(zip(checks, answers, strict=True))
    ok = all(answer["status"] == "ok" for answer in answers)
    memory = {"status": "ok", "rss_mb": round(resident_bytes() / 2**20, 1)}
    status = "ok" if ok else "down"
    return Report(ok, {"status": status, "checks": {**results, "memory": memory}})


async def _ask(check: Check) -> dict[str, object]:
    started = time.perf_counter()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            await check()
    except TimeoutError:
        return {"status": "down", "error": f"no answer within {TIMEOUT_S:g} s"}
    # Whatever a dependency throws, the answer is that it is down.
    except Exception as error:  # noqa: BLE001
        return {"status": "down", "error": " ".join(str(error).split())[:200]}
    return {"status": "ok", "responseTime": round((time.perf_counter() - started) * 1000, 2)}
