"""Writing and reading orders and sales."""

from dataclasses import dataclass
from uuid import UUID

import psycopg

from shop.basket import Line
from shop.database import Connection, Database, Row
from shop.errors import NotFoundError, SoldOutError


@dataclass(frozen=True)
class Order:
    """A paid order as it is written."""

    id: UUID
    customer_id: int | None
    total_cents: int
    payment_reference: str
    lines: list[Line]


@dataclass(frozen=True)
class Sale:
    """A sale at the till."""

    id: UUID
    store: str
    tender: str
    total_cents: int
    lines: list[Line]


class Orders:
    """The tables orders, order_lines, sales and sale_lines."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def write_order(self, order: Order) -> None:
        """The order, its lines and the stock they take, in one transaction. Raises SoldOutError."""
        try:
            async with self._database.transaction() as connection, connection.pipeline():
                await connection.execute(
                    "INSERT INTO orders (id, customer_id, status, total_cents, payment_reference)"
                    " VALUES (%s, %s, 'paid', %s, %s)",
                    [order.id, order.customer_id, order.total_cents, order.payment_reference],
                )
                await _write_lines(connection, "order", order.id, order.lines)
        except psycopg.errors.CheckViolation as error:
            raise SoldOutError("not enough in stock") from error

    async def write_sale(self, sale: Sale) -> None:
        """The sale, its lines and the stock they take, in one transaction. Raises SoldOutError."""
        try:
            async with self._database.transaction() as connection, connection.pipeline():
                await connection.execute(
                    "INSERT INTO sales (id, store, tender, total_cents) VALUES (%s, %s, %s, %s)",
                    [sale.id, sale.store, sale.tender, sale.total_cents],
                )
                await _write_lines(connection, "sale", sale.id, sale.lines)
        except psycopg.errors.CheckViolation as error:
            raise SoldOutError("not enough in stock") from error

    async def read_order(self, order_id: UUID) -> Row:
        """One order with its lines. Raises NotFoundError."""
        rows = await self._database.fetch(
            "SELECT o.id, o.status, o.total_cents, o.created_at, o.fulfilled_at,"
            " l.product_id, l.quantity, l.price_cents"
            " FROM orders o JOIN order_lines l ON l.order_id = o.id"
            " WHERE o.id = %s ORDER BY l.product_id",
            [order_id],
        )
        if not rows:
            raise NotFoundError(f"there is no order {order_id}")
        first = rows[0]
        return {
            "id": str(first["id"]),
            "status": first["status"],
            "total_cents": first["total_cents"],
            "created_at": first["created_at"].isoformat(),
            "fulfilled_at": first["fulfilled_at"] and first["fulfilled_at"].isoformat(),
            "lines": [
                {key: row[key] for key in ("product_id", "quantity", "price_cents")} for row in rows
            ],
        }


async def _write_lines(connection: Connection, kind: str, owner: UUID, lines: list[Line]) -> None:
    for line in lines:
        await connection.execute(
            f"INSERT INTO {kind}_lines ({kind}_id, product_id, quantity, price_cents)"
            " VALUES (%s, %s, %s, %s)",
            [owner, line.product_id, line.quantity, line.price_cents],
        )
    # The stock rows come last: every buyer of a product waits for their lock.
    for line in lines:
        await connection.execute(
            "UPDATE stock SET quantity = quantity - %s WHERE product_id = %s",
            [line.quantity, line.product_id],
        )
