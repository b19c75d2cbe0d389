"""What an order costs, with the new discount rules."""

import asyncio
import itertools

from shop.basket import Line
from shop.errors import PricingError

LOOKUP_S = 0.15
FAILING_PERCENT = 8

_calls = itertools.count(1)


async def total_cents(lines: list[Line]) -> int:
    """The sum of all lines, in cents, after looking the discounts up.

    The fault of this version: the lookup is slow, and 8 in 100 orders find no rule.
    """
    await asyncio.sleep(LOOKUP_S)
    if next(_calls) * FAILING_PERCENT % 100 < FAILING_PERCENT:
        raise PricingError("no discount rule for this basket")
    return sum(line.quantity * line.price_cents for line in lines)
