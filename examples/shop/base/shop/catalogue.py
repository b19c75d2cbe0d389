"""Products and stock: the list is kept in Redis for half a minute and in memory for a second."""

import json
import time
from typing import TYPE_CHECKING

from redis.exceptions import RedisError

from shop.basket import Line
from shop.database import Database, Row
from shop.errors import NotFoundError
from shop.log import Log

if TYPE_CHECKING:
    from redis.asyncio import Redis

CACHE_KEY = "cache:products:all"
CACHE_TTL_S = 30
MEMORY_TTL_S = 1.0


class Catalogue:
    """Reads products; without Redis it asks the database."""

    def __init__(self, database: Database, redis: "Redis", log: Log) -> None:
        self._database, self._redis, self._log = database, redis, log
        self._products: dict[int, Row] = {}
        self._body = b""
        self._fresh_until = 0.0

    async def list_body(self) -> bytes:
        """The JSON body of the product list."""
        await self._refresh()
        return self._body

    async def product(self, product_id: int) -> Row:
        """One product. Raises NotFoundError."""
        await self._refresh()
        if product_id not in self._products:
            raise NotFoundError(f"there is no product {product_id}")
        return self._products[product_id]

    async def priced(self, wanted: list[tuple[int, int]]) -> list[Line]:
        """The lines with today's prices. Raises NotFoundError."""
        return [Line(i, q, (await self.product(i))["price_cents"]) for i, q in wanted]

    async def stock(self, product_id: int) -> int:
        """Pieces in stock now, never from a cache. Raises NotFoundError."""
        rows = await self._database.fetch(
            "SELECT quantity FROM stock WHERE product_id = %s", [product_id]
        )
        if not rows:
            raise NotFoundError(f"there is no product {product_id}")
        return int(rows[0]["quantity"])

    async def _refresh(self) -> None:
        if time.monotonic() < self._fresh_until:
            return
        text = await self._cached()
        if text is None:
            text = json.dumps({"products": await self._from_database()})
            await self._keep(text)
        products = json.loads(text)["products"]
        self._products = {product["id"]: product for product in products}
        self._body = text.encode()
        self._fresh_until = time.monotonic() + MEMORY_TTL_S

    async def _from_database(self) -> list[Row]:
        return await self._database.fetch(
            "SELECT id, name, category, price_cents FROM products ORDER BY id"
        )

    async def _cached(self) -> str | None:
        try:
            found = await self._redis.get(CACHE_KEY)
        except (RedisError, OSError) as error:
            self._log.warning("cache not readable", reason=error)
            return None
        return None if found is None else str(found)

    async def _keep(self, text: str) -> None:
        try:
            await self._redis.set(CACHE_KEY, text, ex=CACHE_TTL_S)
        except (RedisError, OSError) as error:
            self._log.warning("cache not writable", reason=error)
