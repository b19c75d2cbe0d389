"""The API in this process, with fakes for PostgreSQL, Redis and the payment gateway."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import psycopg
import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer as LocalServer
from redis.exceptions import ConnectionError as RedisDown

from load.longlived import LongLived, accept_key
from shop import api, gateway
from shop.catalogue import CACHE_KEY, Catalogue
from shop.errors import PaymentDeclinedError
from shop.metrics import ShopMetrics
from shop.queue import QUEUE
from shop.release import Release
from shop.server import Process
from shop.sessions import Sessions, hash_password, sign, verify
from shop.state import Shop

PRODUCTS = [
    {"id": 1, "name": "Kettle", "category": "Kitchen", "price_cents": 2000},
    {"id": 2, "name": "Rake", "category": "Garden", "price_cents": 550},
]
BASKET = {"lines": [{"product_id": 2, "quantity": 2}, {"product_id": 1, "quantity": 1}]}
SECRET = "not-a-secret-at-all"


class FakeDatabase:
    async def fetch(self, query, values=()):
        if "FROM products" in query:
            return PRODUCTS
        if "FROM customers" in query and values == ["one@example.com"]:
            stored = hash_password("right", b"salt")
            return [{"id": 1, "name": "One", "email": values[0], "password_hash": stored}]
        if "FROM stock" in query and values == [1]:
            return [{"quantity": 7}]
        return []


class FakeRedis:
    def __init__(self):
        self.values, self.lists, self.down = {}, {}, False

    async def get(self, key):
        return self._up().values.get(key)

    async def set(self, key, value, ex):
        self._up().values[key] = value

    async def lpush(self, key, value):
        self._up().lists.setdefault(key, []).insert(0, value)

    def _up(self):
        if self.down:
            raise RedisDown("connection refused")
        return self


class FakeOrders:
    def __init__(self):
        self.orders, self.sales, self.failure = [], [], None

    async def write_order(self, order):
        if self.failure is not None:
            raise self.failure
        self.orders.append(order)

    async def write_sale(self, sale):
        self.sales.append(sale)


class FakePayments:
    def __init__(self):
        self.charged, self.refunded, self.declines = [], [], False

    async def charge(self, order_id, amount_cents):
        if self.declines:
            raise PaymentDeclinedError("the payment was declined")
        self.charged.append(amount_cents)
        return "ref-1"

    async def refund(self, reference):
        self.refunded.append(reference)
        return True


class FakeLog:
    def __init__(self):
        self.errors, self.warnings = [], []

    def info(self, message, **values):
        pass

    def debug(self, message, **values):
        pass

    def warning(self, message, **values):
        self.warnings.append((message, values))

    def error(self, message, **values):
        self.errors.append((message, values))


class Bench:
    """One API over fakes."""

    def __init__(self):
        self.redis, self.orders, self.payments = FakeRedis(), FakeOrders(), FakePayments()
        self.log, self.metrics = FakeLog(), ShopMetrics()
        self.database = FakeDatabase()
        self.checks = {"database": lambda: self.database.fetch("SELECT 1")}

    def run(self, act: Callable[["Caller"], Awaitable[None]]) -> None:
        async def main():
            process = Process(
                "api", Release("v1", "abc", "abc"), self.log, self.metrics, self.checks
            )
            process.unavailable = api.UNAVAILABLE
            shop = Shop(
                Catalogue(self.database, self.redis, self.log),
                self.orders,
                self.payments,
                Sessions(self.database, self.redis, SECRET),
                self.redis,
                self.metrics,
                self.log,
            )
            async with LocalServer(api.create(shop, process)) as server, ClientSession() as session:
                await act(Caller(session, server, process))

        asyncio.run(main())


class Caller:
    def __init__(self, session, server, process):
        self._session, self.url = session, str(server.make_url("")).rstrip("/")
        self.process = process

    async def __call__(self, method, path, body=None, **headers):
        async with self._session.request(
            method, self.url + path, json=body, headers=headers
        ) as answer:
            text = await answer.text()
            kind = answer.headers["Content-Type"]
            self.headers = answer.headers
            return answer.status, json.loads(text) if "json" in kind else text


@pytest.fixture
def bench():
    return Bench()


def test_an_order_is_priced_charged_written_and_queued(bench):
    async def act(call):
        status, answer = await call("POST", "/api/orders", BASKET)
        assert (status, answer["total_cents"]) == (201, 3100)
        assert bench.redis.lists[QUEUE] == [answer["id"]]

    bench.run(act)
    assert bench.payments.charged == [3100]
    (order,) = bench.orders.orders
    assert [line.product_id for line in order.lines] == [1, 2]


def test_a_declined_payment_writes_no_order(bench):
    bench.payments.declines = True

    async def act(call):
        assert (await call("POST", "/api/orders", BASKET))[0] == 402

    bench.run(act)
    assert bench.orders.orders == []
    assert bench.redis.lists == {}


def test_an_order_that_cannot_be_written_is_refunded(bench):
    bench.orders.failure = psycopg.OperationalError("server closed the connection")

    async def act(call):
        assert (await call("POST", "/api/orders", BASKET))[0] == 503

    bench.run(act)
    assert bench.payments.refunded == ["ref-1"]
    assert bench.log.errors[0][1]["status"] == 503


def test_the_shop_sells_without_redis(bench):
    bench.redis.down = True

    async def act(call):
        assert (await call("GET", "/api/products"))[1] == {"products": PRODUCTS}
        assert (await call("POST", "/api/orders", BASKET))[0] == 201

    bench.run(act)
    assert len(bench.orders.orders) == 1
    assert ("order not queued") in [message for message, _ in bench.log.warnings]


def test_the_product_list_is_kept_in_redis(bench):
    async def act(call):
        await call("GET", "/api/products")

    bench.run(act)
    assert json.loads(bench.redis.values[CACHE_KEY]) == {"products": PRODUCTS}


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"lines": []},
        {"lines": [{"product_id": 1, "quantity": 0}]},
        {"lines": [{"product_id": "1"}]},
        {"lines": ["kettle"]},
    ],
)
def test_a_basket_that_makes_no_sense_is_refused(bench, body):
    async def act(call):
        assert (await call("POST", "/api/orders", body))[0] == 400

    bench.run(act)
    assert bench.payments.charged == []


def test_what_is_not_there_is_not_found(bench):
    async def act(call):
        basket = {"lines": [{"product_id": 99, "quantity": 1}]}
        assert (await call("POST", "/api/sales", basket))[0] == 404
        assert (await call("GET", "/api/stock/99"))[0] == 404
        assert (await call("GET", "/nothing"))[0] == 404
        assert await call("GET", "/api/stock/1") == (200, {"product_id": 1, "quantity": 7})

    bench.run(act)


def test_signing_in_gives_a_token_that_names_the_customer(bench):
    async def act(call):
        body = {"email": "one@example.com", "password": "right"}
        status, answer = await call("POST", "/api/login", body)
        assert status == 200
        bearer = {"Authorization": f"Bearer {answer['token']}"}
        assert (await call("GET", "/api/session", **bearer))[1]["name"] == "One"
        await call("POST", "/api/orders", BASKET, **bearer)
        assert (await call("POST", "/api/login", {**body, "password": "wrong"}))[0] == 401
        assert (await call("GET", "/api/session"))[0] == 401

    bench.run(act)
    assert bench.orders.orders[0].customer_id == 1


def test_a_forged_or_old_token_is_refused():
    claims = {"sid": "s", "exp": 100}
    token = sign(claims, SECRET)
    assert verify(token, SECRET, now=99) == claims
    for bad, now in ((token, 101), (sign(claims, "other"), 99), (token + "x", 99), ("", 99)):
        with pytest.raises(Exception, match=r"valid|ended"):
            verify(bad, SECRET, now=now)


def test_a_process_is_alive_but_not_ready_without_its_database(bench):
    async def down():
        raise psycopg.OperationalError("connection refused")

    bench.checks["database"] = down

    async def act(call):
        assert (await call("GET", "/health/live"))[0] == 200
        assert (await call("GET", "/health/ready"))[0] == 503
        status, body = await call("GET", "/health")
        assert (status, body["status"]) == (503, "down")
        assert body["checks"]["database"]["error"] == "connection refused"

    bench.run(act)


def test_health_tells_response_times_and_version_tells_the_release(bench):
    async def act(call):
        _, body = await call("GET", "/health")
        assert body["checks"]["database"]["responseTime"] >= 0
        assert await call("GET", "/version") == (200, {"version": "v1", "commit": "abc"})
        assert call.headers["X-Release"] == "abc"

    bench.run(act)


def test_metrics_count_orders_money_and_routes(bench):
    async def act(call):
        await call("POST", "/api/orders", BASKET)
        await call("GET", "/api/products/1")
        _, text = await call("GET", "/metrics")
        lines = text.split("\n")
        assert "orders_total 1" in lines
        assert "orders_completed_total 1" in lines
        assert "revenue_total 31" in lines
        labels = '{method="GET",route="/api/products/{id}",status="200"'
        assert f"http_requests_total{labels}}} 1" in lines
        assert f'http_request_duration_seconds_bucket{labels},le="+Inf"}} 1' in lines

    bench.run(act)


def test_a_stopping_process_ends_kept_connections_with_an_answer(bench):
    async def act(call):
        await call("GET", "/health/live")
        assert "Connection" not in call.headers
        call.process.stopping.set()
        await call("GET", "/health/live")
        assert call.headers["Connection"] == "close"

    bench.run(act)


def test_a_stopping_process_says_goodbye_to_long_lived_connections(bench):
    async def act(call):
        run = LongLived(call.url, 2, 2, ("/api/ws", "/api/stream"), duration_s=5)
        running = asyncio.create_task(run.run())
        while any(life.outcome != "alive" for life in run.lives):
            await asyncio.sleep(0)
        call.process.stopping.set()
        while any(life.outcome == "alive" for life in run.lives):
            await asyncio.sleep(0)
        run.stop()
        summary = await running
        assert summary["outcomes"] == {"websocket": {"closed": 2}, "stream": {"closed": 2}}
        assert summary["close_codes"] == {"1012": 2}

    bench.run(act)


def test_the_websocket_handshake_is_the_one_of_the_rfc():
    assert accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize(("mode", "status"), [("error", 500), ("decline", 402)])
def test_the_gateway_fails_exactly_as_often_as_it_is_told(mode, status):
    async def main():
        process = Process("gateway", Release("v1", "v1", "v1"), FakeLog())
        app: web.Application = gateway.create(process)
        async with LocalServer(app) as server, ClientSession() as session:
            call = Caller(session, server, process)
            await call("POST", "/_control", {"failure_rate": 0.3, "mode": mode})
            found = [(await call("POST", "/charges", {"order": n}))[0] for n in range(50)]
            assert (found.count(status), found.count(201)) == (15, 35)
            assert (await call("POST", "/_control", {"failure_rate": 2}))[0] == 400

    asyncio.run(main())
