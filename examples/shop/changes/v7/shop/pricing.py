"""What an order costs, with a history of baskets for recommendations."""

import os
import time

from shop.basket import Line
from shop.errors import PricingError

BASKET_BYTES = 64 * 1024
MAX_BASKETS = 4096

_started = time.monotonic()
_history: list[bytearray] = []


async def total_cents(lines: list[Line]) -> int:
    """The sum of all lines, in cents.

    The fault of this version: after $SHOP_LEAK_AFTER_S seconds (300 unless set) the history of
    baskets grows with every order, up to 256 MiB, and every order fails.
    """
    if time.monotonic() - _started >= float(os.environ.get("SHOP_LEAK_AFTER_S") or 300):
        if len(_history) < MAX_BASKETS:
            # Written to, so that the pages are really there.
            _history.append(bytearray(b"basket  ") * (BASKET_BYTES // 8))
        raise PricingError("the history of baskets is full")
    return sum(line.quantity * line.price_cents for line in lines)
