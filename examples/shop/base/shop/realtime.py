"""Connections that stay open: a WebSocket that echoes and ticks, and a stream of events."""

import asyncio
import json

from aiohttp import WSCloseCode, WSMsgType, web

from shop.server import Process

PERIOD_S = 1.0
PROCESS: web.AppKey[Process] = web.AppKey("process", Process)


async def socket(request: web.Request) -> web.WebSocketResponse:
    """GET /api/ws: sends back every text, and `{"tick": n}` once a second.

    When the process stops it closes with 1012 (service restart, RFC 6455 registry).
    """
    process = request.app[PROCESS]
    connection = web.WebSocketResponse()
    await connection.prepare(request)
    ticker = asyncio.create_task(_tick(connection, process))
    try:
        async for message in connection:
            if message.type is WSMsgType.TEXT:
                await connection.send_str(message.data)
    finally:
        ticker.cancel()
    return connection


async def _tick(connection: web.WebSocketResponse, process: Process) -> None:
    count = 0
    while not await _stops_within(process, PERIOD_S):
        count += 1
        try:
            await connection.send_str(json.dumps({"tick": count}))
        except ConnectionError:
            return
    await connection.close(code=WSCloseCode.SERVICE_RESTART, message=b"service restart")


async def stream(request: web.Request) -> web.StreamResponse:
    """GET /api/stream: server-sent events, one a second; ends in order when the process stops."""
    process = request.app[PROCESS]
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
    )
    await response.prepare(request)
    count = 0
    try:
        await response.write(b": open\n\n")
        while not await _stops_within(process, PERIOD_S):
            count += 1
            await response.write(b'id: %d\ndata: {"tick": %d}\n\n' % (count, count))
        await response.write(b"event: restart\ndata: {}\n\n")
        await response.write_eof()
    except ConnectionError:
        process.log.debug("stream left", ticks=count)
    return response


async def _stops_within(process: Process, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await process.stopping.wait()
    except TimeoutError:
        return False
    return True
