"""The shop's API: `python -m shop.api` listens on $PORT."""

import psycopg
from aiohttp import web
from redis.exceptions import RedisError

from shop import cache, checkout, queue, realtime, release, server, settings, startup
from shop.catalogue import Catalogue
from shop.database import Database, PoolTimeoutError
from shop.log import Log
from shop.orders import Orders
from shop.payments import Payments
from shop.sessions import TTL_S, Sessions
from shop.state import SHOP, Shop

NEEDS = ("DATABASE_URL", "REDIS_URL", "PAYMENT_URL", "JWT_SECRET")
UNAVAILABLE = (psycopg.OperationalError, PoolTimeoutError, RedisError, OSError)


async def list_products(request: web.Request) -> web.Response:
    """GET /api/products."""
    body = await request.app[SHOP].catalogue.list_body()
    return web.Response(body=body, headers={"Content-Type": "application/json"})


async def read_product(request: web.Request) -> web.Response:
    """GET /api/products/{id}."""
    product_id = int(request.match_info["id"])
    return web.json_response(await request.app[SHOP].catalogue.product(product_id))


async def read_stock(request: web.Request) -> web.Response:
    """GET /api/stock/{id}."""
    product_id = int(request.match_info["id"])
    quantity = await request.app[SHOP].catalogue.stock(product_id)
    return web.json_response({"product_id": product_id, "quantity": quantity})


async def sign_in(request: web.Request) -> web.Response:
    """POST /api/login."""
    body = await checkout.read_json(request)
    email, password = str(body.get("email", "")), str(body.get("password", ""))
    token = await request.app[SHOP].sessions.sign_in(email, password)
    return web.json_response({"token": token, "expires_in": TTL_S})


async def read_session(request: web.Request) -> web.Response:
    """GET /api/session: who the bearer token belongs to."""
    token = request.headers.get("Authorization", "").partition(" ")[2]
    return web.json_response(await request.app[SHOP].sessions.customer(token))


def create(shop: Shop, process: server.Process) -> web.Application:
    """The application over these parts."""
    app = server.application(process, "/api")
    app[SHOP] = shop
    app[realtime.PROCESS] = process
    app.add_routes(
        [
            web.get("/api/products", list_products),
            web.get(r"/api/products/{id:\d{1,9}}", read_product),
            web.get(r"/api/stock/{id:\d{1,9}}", read_stock),
            web.post("/api/login", sign_in),
            web.get("/api/session", read_session),
            web.post("/api/orders", checkout.create_order),
            web.get("/api/orders/{id}", checkout.read_order),
            web.post("/api/sales", checkout.create_sale),
            web.get("/api/ws", realtime.socket),
            web.get("/api/stream", realtime.stream),
        ]
    )
    return app


def build(found: settings.Settings) -> tuple[web.Application, server.Process]:
    """The application over real servers."""
    log = Log(found.log_level)
    process = server.Process("api", release.current(), log, unavailable=UNAVAILABLE)
    database = Database(found.database_url, found.db_pool_max)
    redis = cache.connect(found.redis_url)
    payments = Payments(found.payment_url, process.metrics)
    shop = Shop(
        catalogue=Catalogue(database, redis, log),
        orders=Orders(database),
        payments=payments,
        sessions=Sessions(database, redis, found.jwt_secret),
        redis=redis,
        metrics=process.metrics,
        log=log,
    )
    process.checks["database"] = lambda: database.fetch("SELECT 1")
    process.checks["redis"] = redis.ping
    process.readings["queue_depth"] = lambda: _queue_depth(shop)
    process.metrics.add_gauge("db_pool_in_use", "Lent.", lambda: database.in_use)
    process.metrics.add_gauge("db_pool_idle", "Open and idle.", lambda: database.idle)
    process.metrics.add_gauge("db_pool_max", "The limit.", lambda: database.max_size)
    process.closers += [payments.close, database.close, redis.aclose]
    return create(shop, process), process


async def _queue_depth(shop: Shop) -> float:
    try:
        return float(await queue.depth(shop.redis))
    except (RedisError, OSError):
        return float("nan")


def main() -> None:
    """Start."""
    found = settings.read_or_exit(*NEEDS)
    startup.check()
    server.run(lambda: build(found), found.host, found.port)


if __name__ == "__main__":
    main()
