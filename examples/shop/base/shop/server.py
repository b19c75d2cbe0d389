"""What every web process of the shop has: operational pages, errors as JSON, a clean end."""

import asyncio
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.typedefs import Middleware

from shop import health, readiness
from shop.errors import ShopError
from shop.log import Log
from shop.metrics import CONTENT_TYPE, ShopMetrics
from shop.release import Release

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
KEEP_ALIVE_S = 75.0
BACKLOG = 2048
LAST_WORDS_S = 0.5
DRAIN_S = 30.0
STARTED = time.perf_counter()


@dataclass
class Process:
    """One web process: what it counts, checks and closes."""

    name: str
    release: Release
    log: Log
    metrics: ShopMetrics = field(default_factory=ShopMetrics)
    checks: dict[str, health.Check] = field(default_factory=dict)
    readings: dict[str, Callable[[], Awaitable[float]]] = field(default_factory=dict)
    closers: list[Callable[[], Awaitable[object]]] = field(default_factory=list)
    unavailable: tuple[type[Exception], ...] = (OSError,)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)


def application(process: Process, prefix: str) -> web.Application:
    """An application with the operational pages at / and below `prefix`."""
    app = web.Application(middlewares=[_observer(process)], client_max_size=256 * 1024)

    async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
        response.headers["X-Release"] = process.release.label
        if process.stopping.is_set() and "Connection" not in response.headers:
            response.force_close()
            response.headers["Connection"] = "close"

    async def close(app: web.Application) -> None:
        for closer in process.closers:
            await closer()

    app.on_response_prepare.append(add_headers)
    app.on_cleanup.append(close)
    pages = _operational_pages(process)
    for start in {"", prefix}:
        app.add_routes([web.get(start + path, page) for path, page in pages.items()])
    return app


def _operational_pages(process: Process) -> dict[str, Handler]:
    async def full(request: web.Request) -> web.Response:
        found = await health.report(process.checks)
        return web.json_response(found.body, status=200 if found.ok else 503)

    async def ready(request: web.Request) -> web.Response:
        found = await readiness.ready(process.checks)
        return web.json_response(found.body, status=200 if found.ok else 503)

    async def live(request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def version(request: web.Request) -> web.Response:
        release = process.release
        return web.json_response({"version": release.version, "commit": release.commit})

    async def numbers(request: web.Request) -> web.Response:
        readings = {name: await read() for name, read in process.readings.items()}
        text = process.metrics.render(readings)
        return web.Response(body=text.encode(), headers={"Content-Type": CONTENT_TYPE})

    return {
        "/health": full,
        "/health/live": live,
        "/health/ready": ready,
        "/version": version,
        "/metrics": numbers,
    }


def _observer(process: Process) -> Middleware:
    """Counts every request and turns every failure into an answer."""

    @web.middleware
    async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
        started = time.perf_counter()
        status, reason = 500, "unexpected failure"
        try:
            response = await handler(request)
            status, reason = response.status, "answered"
        except web.HTTPException as answer:
            status, reason = answer.status, answer.reason
            if status < 400:
                raise
            response = web.json_response({"error": reason}, status=status)
        except ShopError as error:
            status, reason = error.status, str(error)
            response = web.json_response({"error": reason}, status=status)
        except process.unavailable as error:
            status, reason = 503, f"{type(error).__name__}: {error}"
            response = web.json_response({"error": "temporarily unavailable"}, status=status)
        finally:
            _count(process, request, (status, reason), time.perf_counter() - started)
        return response

    return observe


def _count(
    process: Process, request: web.Request, outcome: tuple[int, str], seconds: float
) -> None:
    status, reason = outcome
    resource = request.match_info.route.resource
    route = resource.canonical if resource is not None else "other"
    labels = (request.method, route, str(status))
    process.metrics.requests.add(*labels)
    process.metrics.duration.observe(labels, seconds)
    if status >= 500:
        process.log.error(
            "request failed", method=request.method, path=request.path, status=status, reason=reason
        )


def run(build: Callable[[], tuple[web.Application, Process]], host: str, port: int) -> None:
    """Serve until SIGTERM, then finish what runs and return."""
    asyncio.run(_serve(build, host, port))


async def _serve(
    build: Callable[[], tuple[web.Application, Process]], host: str, port: int
) -> None:
    app, process = build()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, process.stopping.set)
    runner = web.AppRunner(
        app, access_log=None, keepalive_timeout=KEEP_ALIVE_S, shutdown_timeout=DRAIN_S
    )
    await runner.setup()
    listener = socket.create_server((host, port), backlog=BACKLOG, reuse_port=False)
    site = web.SockSite(runner, listener, backlog=BACKLOG)
    await site.start()
    boot_ms = round((time.perf_counter() - STARTED) * 1000)
    log, version = process.log, process.release.version
    log.info(f"{process.name} listening", port=port, version=version, setup_ms=boot_ms)
    await process.stopping.wait()
    log.info(f"{process.name} stopping", open_connections=_connections(runner))
    await _stop_listening(runner, site, listener)
    # Clients that keep connections open learn from one more answer that this one ends here.
    deadline = loop.time() + LAST_WORDS_S
    while _connections(runner) and loop.time() < deadline:
        await asyncio.sleep(0.01)
    await runner.cleanup()
    log.info(f"{process.name} stopped")


async def _stop_listening(
    runner: web.AppRunner, site: web.SockSite, listener: socket.socket
) -> None:
    """Close the listener; whoever waits in its queue is let in first, closing would reset them."""
    loop = asyncio.get_running_loop()
    loop.remove_reader(listener)
    # Connections that were accepted a moment ago get their protocol meanwhile.
    await asyncio.sleep(0.01)
    waiting = _accept_waiting(listener)
    await site.stop()
    if runner.server is not None:
        for connection in waiting:
            await loop.connect_accepted_socket(runner.server, connection)


def _accept_waiting(listener: socket.socket) -> list[socket.socket]:
    accepted: list[socket.socket] = []
    while True:
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            return accepted
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        accepted.append(connection)


def _connections(runner: web.AppRunner) -> int:
    return len(runner.server.connections) if runner.server is not None else 0
