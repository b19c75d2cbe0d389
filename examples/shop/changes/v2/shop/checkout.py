"""Selling: orders on the web and sales at the till."""

import json
from typing import Any
from uuid import UUID, uuid4

import psycopg
from aiohttp import web
from redis.exceptions import RedisError

from shop import pricing, queue
from shop.basket import read_lines
from shop.database import PoolTimeoutError
from shop.errors import BadRequestError, ShopError
from shop.orders import Order, Sale
from shop.state import SHOP, Shop

MAX_NOTE = 500


async def read_json(request: web.Request) -> dict[str, Any]:
    """The body, a JSON object. Raises BadRequestError."""
    try:
        body = json.loads(await request.read())
    except ValueError as error:
        raise BadRequestError("the body is not JSON") from error
    if not isinstance(body, dict):
        raise BadRequestError("the body is not a JSON object")
    return body


async def create_order(request: web.Request) -> web.Response:
    """POST /api/orders: price, charge, write, queue for packing."""
    shop = request.app[SHOP]
    shop.metrics.orders.add()
    body = await read_json(request)
    lines = await shop.catalogue.priced(read_lines(body))
    note = _read_note(body)
    customer_id = await _customer_id(shop, request)
    total = await pricing.total_cents(lines)
    order_id = uuid4()
    reference = await shop.payments.charge(order_id, total)
    await _write(shop, Order(order_id, customer_id, total, reference, lines, note))
    shop.metrics.completed.add()
    shop.metrics.revenue.add(amount=total / 100)
    answer = {"id": str(order_id), "status": "paid", "total_cents": total}
    return web.json_response(answer, status=201, headers={"Location": f"/api/orders/{order_id}"})


async def read_order(request: web.Request) -> web.Response:
    """GET /api/orders/{id}."""
    try:
        order_id = UUID(request.match_info["id"])
    except ValueError as error:
        raise BadRequestError("an order's id is a UUID") from error
    return web.json_response(await request.app[SHOP].orders.read_order(order_id))


async def create_sale(request: web.Request) -> web.Response:
    """POST /api/sales: a sale at the till, paid there."""
    shop = request.app[SHOP]
    body = await read_json(request)
    lines = await shop.catalogue.priced(read_lines(body))
    total = sum(line.quantity * line.price_cents for line in lines)
    store, tender = str(body.get("store", "main")), str(body.get("tender", "cash"))
    sale = Sale(uuid4(), store[:40], tender[:20], total, lines)
    await shop.orders.write_sale(sale)
    shop.metrics.sales.add()
    shop.metrics.revenue.add(amount=total / 100)
    return web.json_response({"id": str(sale.id), "total_cents": total}, status=201)


def _read_note(body: dict[str, Any]) -> str | None:
    note = body.get("note")
    if note is not None and (not isinstance(note, str) or len(note) > MAX_NOTE):
        raise BadRequestError(f"note must be a text of at most {MAX_NOTE} characters")
    return note


async def _customer_id(shop: Shop, request: web.Request) -> int | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    return int((await shop.sessions.customer(token))["id"])


async def _write(shop: Shop, order: Order) -> None:
    try:
        await shop.orders.write_order(order)
    except (ShopError, psycopg.Error, PoolTimeoutError):
        refunded = await shop.payments.refund(order.payment_reference)
        shop.log.warning("order not written", order=order.id, refunded=refunded)
        raise
    try:
        await queue.push(shop.redis, str(order.id))
    except (RedisError, OSError) as error:
        # The worker finds paid orders that never reached the queue.
        shop.log.warning("order not queued", order=order.id, reason=error)
