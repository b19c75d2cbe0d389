"""What a customer wants to buy, read from a request body."""

from dataclasses import dataclass

from shop.errors import BadRequestError

MAX_LINES = 50
MAX_QUANTITY = 1000


@dataclass(frozen=True)
class Line:
    """Some pieces of one product, at today's price."""

    product_id: int
    quantity: int
    price_cents: int = 0


def read_lines(body: object) -> list[tuple[int, int]]:
    """(product, quantity) pairs of `{"lines": [{"product_id", "quantity"}]}`.

    Sorted by product, so that two orders lock the same stock rows in the same order.
    Raises BadRequestError.
    """
    lines = body.get("lines") if isinstance(body, dict) else None
    if not isinstance(lines, list) or not 0 < len(lines) <= MAX_LINES:
        raise BadRequestError(f"lines must be a list of 1 to {MAX_LINES} entries")
    wanted: dict[int, int] = {}
    for line in lines:
        product_id, quantity = _read_line(line)
        wanted[product_id] = wanted.get(product_id, 0) + quantity
    return sorted(wanted.items())


def _read_line(line: object) -> tuple[int, int]:
    if not isinstance(line, dict):
        raise BadRequestError("a line must be an object")
    product_id, quantity = line.get("product_id"), line.get("quantity", 1)
    if not isinstance(product_id, int) or not isinstance(quantity, int):
        raise BadRequestError("product_id and quantity must be whole numbers")
    if not 0 < quantity <= MAX_QUANTITY:
        raise BadRequestError(f"quantity must be 1 to {MAX_QUANTITY}")
    return product_id, quantity
