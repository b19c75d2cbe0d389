"""What the handlers of the API share."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from shop.catalogue import Catalogue
from shop.log import Log
from shop.metrics import ShopMetrics
from shop.orders import Orders
from shop.payments import Payments
from shop.sessions import Sessions

if TYPE_CHECKING:
    from redis.asyncio import Redis


@dataclass(frozen=True)
class Shop:
    """The parts of the shop, each replaceable in a test."""

    catalogue: Catalogue
    orders: Orders
    payments: Payments
    sessions: Sessions
    redis: "Redis"
    metrics: ShopMetrics
    log: Log


SHOP: web.AppKey[Shop] = web.AppKey("shop", Shop)
