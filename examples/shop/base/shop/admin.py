"""The admin site: `python -m shop.admin` reads the database; its pages are below /admin."""

from typing import TYPE_CHECKING

import psycopg
from aiohttp import web
from redis.exceptions import RedisError

from shop import cache, queue, release, server, settings, startup
from shop.database import Database, PoolTimeoutError, Row
from shop.log import Log
from shop.pages import page

if TYPE_CHECKING:
    from redis.asyncio import Redis

UNAVAILABLE = (psycopg.OperationalError, PoolTimeoutError, RedisError, OSError)
FIGURES = """
SELECT (SELECT count(*) FROM orders WHERE created_at >= current_date) AS orders_today,
       (SELECT coalesce(sum(total_cents), 0) FROM orders WHERE created_at >= current_date)
         + (SELECT coalesce(sum(total_cents), 0) FROM sales WHERE created_at >= current_date)
         AS revenue_cents,
       (SELECT count(*) FROM sales WHERE created_at >= current_date) AS sales_today,
       (SELECT count(*) FROM orders WHERE status = 'paid') AS to_pack
"""
LATEST = "SELECT * FROM orders ORDER BY created_at DESC LIMIT %s"
STOCK = """
SELECT p.id, p.name, p.category, p.price_cents, s.quantity
FROM products p JOIN stock s ON s.product_id = p.id ORDER BY s.quantity, p.id
"""


class Office:
    """What the admin site reads."""

    def __init__(self, database: Database, redis: "Redis") -> None:
        self._database, self._redis = database, redis

    async def figures(self) -> Row:
        """Today's numbers."""
        found = (await self._database.fetch(FIGURES))[0]
        return {**found, "queued": await queue.depth(self._redis)}

    async def latest(self, count: int) -> list[Row]:
        """The latest orders."""
        return await self._database.fetch(LATEST, [count])

    async def stock(self) -> list[Row]:
        """All products, the scarcest first."""
        return await self._database.fetch(STOCK)


def create(office: Office, process: server.Process) -> web.Application:
    """The site's application."""
    app = server.application(process, "/admin")
    version = process.release.version

    async def show_today(request: web.Request) -> web.Response:
        figures, orders = await office.figures(), await office.latest(10)
        return page("admin/today.html", figures=figures, orders=orders, version=version)

    async def show_orders(request: web.Request) -> web.Response:
        return page("admin/orders.html", orders=await office.latest(100), version=version)

    async def show_stock(request: web.Request) -> web.Response:
        return page("admin/stock.html", products=await office.stock(), version=version)

    app.add_routes(
        [
            web.get("/admin", show_today),
            web.get("/admin/", show_today),
            web.get("/admin/orders", show_orders),
            web.get("/admin/stock", show_stock),
        ]
    )
    return app


def main() -> None:
    """Start."""
    found = settings.read_or_exit("DATABASE_URL", "REDIS_URL")
    startup.check()

    def build() -> tuple[web.Application, server.Process]:
        process = server.Process(
            "admin", release.current(), Log(found.log_level), unavailable=UNAVAILABLE
        )
        database = Database(found.database_url, found.db_pool_max)
        redis = cache.connect(found.redis_url)
        process.checks["database"] = lambda: database.fetch("SELECT 1")
        process.checks["redis"] = redis.ping
        process.closers += [database.close, redis.aclose]
        return create(Office(database, redis), process), process

    server.run(build, found.host, found.port)


if __name__ == "__main__":
    main()
