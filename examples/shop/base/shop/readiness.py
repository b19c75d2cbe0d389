"""Can this process serve users now?"""

from shop.health import Check, Report, report


async def ready(checks: dict[str, Check]) -> Report:
    """Yes when everything it needs answers."""
    return await report(checks)
