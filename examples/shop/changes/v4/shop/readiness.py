"""Can this process serve users now?"""

from dataclasses import replace

from shop.health import Check, Report, report

_warmed_up = False


async def ready(checks: dict[str, Check]) -> Report:
    """Yes when everything it needs answers and the price index is warm.

    The fault of this version: nothing ever warms the index.
    """
    found = await report(checks)
    if _warmed_up:
        return found
    return replace(found, ok=False, body={**found.body, "status": "down", "error": "warming up"})
