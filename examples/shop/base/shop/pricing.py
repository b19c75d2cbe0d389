"""What an order costs."""

from shop.basket import Line


async def total_cents(lines: list[Line]) -> int:
    """The sum of all lines, in cents."""
    return sum(line.quantity * line.price_cents for line in lines)
