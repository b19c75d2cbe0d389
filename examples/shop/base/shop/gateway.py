"""A stand-in for the outside payment gateway, with a failure that can be switched on.

`POST /_control` takes `{"failure_rate": 0..1, "mode": "error"|"decline"|"hang", "latency_ms": n}`.
"""

import asyncio
import json
from dataclasses import asdict, dataclass
from uuid import NAMESPACE_URL, uuid5

from aiohttp import web

from shop import release, server, settings
from shop.errors import BadRequestError
from shop.log import Log

HANG_S = 30.0
MODES = ("error", "decline", "hang")


@dataclass
class Behaviour:
    """How the gateway treats charges; failures are spread evenly, not drawn by lot."""

    failure_rate: float = 0.0
    mode: str = "error"
    latency_ms: float = 0.0
    charges: int = 0
    refunds: int = 0
    owed: float = 0.0

    def next_fails(self) -> bool:
        """True for exactly `failure_rate` of the calls."""
        self.owed += self.failure_rate
        if self.owed < 1 - 1e-9:
            return False
        self.owed -= 1
        return True


def _control(behaviour: Behaviour, body: dict[str, object]) -> None:
    rate, mode = body.get("failure_rate", 0.0), body.get("mode", "error")
    latency = body.get("latency_ms", 0)
    if not isinstance(rate, int | float) or not 0 <= rate <= 1:
        raise BadRequestError("failure_rate must be 0 to 1")
    if mode not in MODES or not isinstance(latency, int | float) or latency < 0:
        raise BadRequestError(f"mode must be one of {', '.join(MODES)} and latency_ms not negative")
    behaviour.failure_rate, behaviour.mode, behaviour.latency_ms = float(rate), mode, latency
    behaviour.owed = 0.0


async def _read(request: web.Request) -> dict[str, object]:
    try:
        body = json.loads(await request.read())
    except ValueError as error:
        raise BadRequestError("the body is not JSON") from error
    return body if isinstance(body, dict) else {}


async def _fail(mode: str) -> web.Response:
    if mode == "hang":
        await asyncio.sleep(HANG_S)
    return web.json_response({"error": mode}, status=402 if mode == "decline" else 500)


def create(process: server.Process) -> web.Application:
    """The gateway's application."""
    app = server.application(process, "/gateway")
    behaviour = Behaviour()

    async def charge(request: web.Request) -> web.Response:
        body = await _read(request)
        await asyncio.sleep(behaviour.latency_ms / 1000)
        if behaviour.next_fails():
            return await _fail(behaviour.mode)
        behaviour.charges += 1
        reference = uuid5(NAMESPACE_URL, f"charge:{body.get('order')}").hex
        return web.json_response({"reference": reference}, status=201)

    async def refund(request: web.Request) -> web.Response:
        await _read(request)
        behaviour.refunds += 1
        return web.json_response({"status": "refunded"}, status=201)

    async def control(request: web.Request) -> web.Response:
        if request.method == "POST":
            _control(behaviour, await _read(request))
        return web.json_response(asdict(behaviour))

    app.add_routes([web.post("/charges", charge), web.post("/refunds", refund)])
    app.add_routes([web.post("/_control", control), web.get("/_control", control)])
    return app


def main() -> None:
    """Start."""
    found = settings.read_or_exit()

    def build() -> tuple[web.Application, server.Process]:
        process = server.Process("gateway", release.current(), Log(found.log_level))
        return create(process), process

    server.run(build, found.host, found.port)


if __name__ == "__main__":
    main()
