"""Server-rendered pages."""

from functools import cache
from pathlib import Path

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).with_name("templates")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["money"] = money
    return environment


def money(cents: int) -> str:
    """1234567 -> 12,345.67."""
    return f"{cents / 100:,.2f}"


def page(template: str, *, status: int = 200, **values: object) -> web.Response:
    """One rendered page."""
    text = _environment().get_template(template).render(**values)
    return web.Response(text=text, content_type="text/html", status=status)
