"""The consumer site: `python -m shop.consumer` listens on $PORT and asks the API at $API_URL."""

from collections.abc import Awaitable
from typing import Any

import aiohttp
from aiohttp import web

from shop import release, server, settings, startup
from shop.errors import NotFoundError, ShopError
from shop.log import Log
from shop.pages import page

TIMEOUT_S = 5.0


class ApiUnavailableError(ShopError):
    """The API did not answer."""

    status = 502


class Api:
    """The part of the API that the site needs."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session: aiohttp.ClientSession | None = None

    async def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Status and decoded answer. Raises ApiUnavailableError."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
        try:
            async with self._session.request(method, self._url + path, json=body) as response:
                return response.status, await response.json()
        except (TimeoutError, aiohttp.ClientError, ValueError) as error:
            raise ApiUnavailableError("the shop is not available right now") from error

    async def get(self, path: str) -> Any:
        """A decoded answer. Raises NotFoundError and ApiUnavailableError."""
        status, answer = await self.call("GET", path)
        if status in (400, 404):
            raise NotFoundError("there is no such page")
        if status != 200:
            raise ApiUnavailableError("the shop is not available right now")
        return answer

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()


def create(api: Api, process: server.Process) -> web.Application:
    """The site's application."""
    app = server.application(process, "")
    version = process.release.version

    async def guarded(view: Awaitable[web.Response]) -> web.Response:
        try:
            return await view
        except ShopError as error:
            values = {"title": "Sorry", "message": str(error), "version": version}
            return page("consumer/message.html", status=error.status, **values)

    async def show_home(request: web.Request) -> web.Response:
        products = (await api.get("/api/products"))["products"]
        wanted = request.query.get("category", "")
        shown = [p for p in products if wanted in ("", p["category"])]
        categories = sorted({p["category"] for p in products})
        return page(
            "consumer/home.html",
            products=shown,
            categories=categories,
            wanted=wanted,
            version=version,
        )

    async def show_product(request: web.Request) -> web.Response:
        number = request.match_info["id"]
        product = await api.get(f"/api/products/{number}")
        stock = await api.get(f"/api/stock/{number}")
        values = {"product": product, "quantity": stock["quantity"]}
        return page("consumer/product.html", version=version, **values)

    async def buy(request: web.Request) -> web.Response:
        form = await request.post()
        line = {
            "product_id": int(request.match_info["id"]),
            "quantity": _number(form.get("quantity")),
        }
        status, answer = await api.call("POST", "/api/orders", {"lines": [line]})
        if status == 201:
            raise web.HTTPSeeOther(f"/orders/{answer['id']}")
        values = {"title": "Your order was not placed", "message": answer.get("error", "")}
        return page("consumer/message.html", status=status, version=version, **values)

    async def show_order(request: web.Request) -> web.Response:
        order = await api.get(f"/api/orders/{request.match_info['id']}")
        names = {p["id"]: p["name"] for p in (await api.get("/api/products"))["products"]}
        return page("consumer/order.html", order=order, names=names, version=version)

    app.add_routes(
        [
            web.get("/", lambda request: guarded(show_home(request))),
            web.get(r"/products/{id:\d{1,9}}", lambda request: guarded(show_product(request))),
            web.post(r"/products/{id:\d{1,9}}/buy", lambda request: guarded(buy(request))),
            web.get("/orders/{id}", lambda request: guarded(show_order(request))),
        ]
    )
    return app


def _number(value: object) -> int:
    return int(value) if isinstance(value, str) and value.isdigit() else 1


def main() -> None:
    """Start."""
    found = settings.read_or_exit("API_URL")
    startup.check()

    def build() -> tuple[web.Application, server.Process]:
        process = server.Process("consumer", release.current(), Log(found.log_level))
        api = Api(found.api_url)
        process.checks["api"] = lambda: api.get("/api/products")
        process.closers.append(api.close)
        return create(api, process), process

    server.run(build, found.host, found.port)


if __name__ == "__main__":
    main()
