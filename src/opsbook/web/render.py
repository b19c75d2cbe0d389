"""Plain data to an answer; every error to the one error shape."""

import json
import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from opsbook.errors import OpsbookError, UsageError

log = logging.getLogger("opsbook.web")

View = Callable[["Call"], Any]
"""A view takes one call and returns plain data, or an iterable of lines to stream."""


class Call:
    """One request as a view sees it: path parameters, query and JSON body."""

    def __init__(
        self, runtime: Any, path: dict[str, str], query: dict[str, str], body: Any
    ) -> None:
        self.runtime = runtime
        self.path = path
        self.query = query
        self.body: dict[str, Any] = body if isinstance(body, dict) else {}
        self.end: Callable[[], None] = lambda: None

    def text(self, name: str, default: str = "") -> str:
        """A text field of the body or the query. Raises UsageError for another type."""
        value = self.body.get(name, self.query.get(name, default))
        if value is None:
            return default
        if not isinstance(value, str):
            raise UsageError(f"{name} must be text, not {type(value).__name__}")
        return value

    def number(self, name: str, default: float | None = None) -> float | None:
        """A number of the body or the query. Raises UsageError for anything else."""
        value = self.body.get(name, self.query.get(name))
        if value is None or value == "":
            return default
        try:
            return float(value)
        except (TypeError, ValueError):
            raise UsageError(f"{name} must be a number, not {value!r}") from None

    def flag(self, name: str) -> bool:
        """A yes or no; absent is no."""
        value = self.body.get(name, self.query.get(name, False))
        return value is True or str(value).lower() in ("1", "true", "yes")

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts of the body, or one comma-separated text of the query."""
        value = self.body.get(name, self.query.get(name, ()))
        if isinstance(value, str):
            return tuple(part for part in value.split(",") if part)
        if not isinstance(value, (list, tuple)) or not all(isinstance(v, str) for v in value):
            raise UsageError(f"{name} must be a list of texts")
        return tuple(value)


def endpoint(view: View) -> Callable[[Request], Any]:
    """Wrap a view: read the call, run it on a thread, answer in JSON."""

    async def handle(request: Request) -> Response:
        try:
            call = Call(
                request.app.state.runtime,
                {key: str(value) for key, value in request.path_params.items()},
                dict(request.query_params),
                await _body(request),
            )
            call.end = getattr(request.app.state, "end", call.end)
            answer = await run_in_threadpool(view, call)
        except OpsbookError as problem:
            return error_response(problem)
        except Exception as problem:
            log.exception("%s %s", request.method, request.url.path)
            return error_response(
                OpsbookError(
                    f"{type(problem).__name__}: {problem}",
                    hint="this is a defect in Opsbook; the daemon's log has the traceback",
                )
            )
        if isinstance(answer, Iterator):
            return StreamingResponse(_lines(answer), media_type="application/x-ndjson")
        return JSONResponse(answer)

    return handle


def error_response(problem: OpsbookError) -> JSONResponse:
    """The error object with its HTTP status."""
    return JSONResponse({"error": problem.as_dict()}, status_code=problem.http_status)


async def _body(request: Request) -> Any:
    raw = await request.body()
    if not raw:
        return {}
    try:
        return json.loads(raw)
    except ValueError as error:
        raise UsageError("the request body is not JSON") from error


def _lines(items: Iterable[Any]) -> Iterator[bytes]:
    """NDJSON; an error in mid-stream becomes the last line."""
    try:
        for item in items:
            yield json.dumps(item).encode() + b"\n"
    except OpsbookError as problem:
        yield json.dumps({"error": problem.as_dict()}).encode() + b"\n"
