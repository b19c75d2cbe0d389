"""The route table, as a value."""

from starlette.applications import Starlette
from starlette.routing import Route

from opsbook.runtime import Runtime
from opsbook.web.render import View, endpoint
from opsbook.web.views import deployments, environment, ledger, logs, releases, windows

ROUTES: tuple[tuple[str, str, View], ...] = (
    ("GET", "/api/ping", environment.ping),
    ("GET", "/api/status", environment.status),
    ("GET", "/api/health", environment.health),
    ("POST", "/api/up", environment.up),
    ("POST", "/api/down", environment.down),
    ("POST", "/api/plans", deployments.plan),
    ("POST", "/api/deployments", deployments.start),
    ("GET", "/api/deployments", deployments.index),
    ("GET", "/api/deployments/{id}", deployments.show),
    ("GET", "/api/deployments/{id}/stream", deployments.follow),
    ("POST", "/api/deployments/{id}/{command}", deployments.command),
    ("GET", "/api/releases", releases.index),
    ("GET", "/api/releases/{id}", releases.show),
    ("GET", "/api/releases/{id}/diff/{other}", releases.diff),
    ("GET", "/api/logs", logs.read),
    ("GET", "/api/logs/follow", logs.follow),
    ("POST", "/api/exec", logs.execute),
    ("GET", "/api/events", ledger.index),
    ("GET", "/api/events/verify", ledger.verify),
    ("GET", "/api/windows", windows.index),
    ("POST", "/api/windows", windows.open_window),
    ("POST", "/api/windows/{id}/end", windows.end),
)


def create(runtime: Runtime) -> Starlette:
    """The application over one runtime."""
    routes = [Route(path, endpoint(view), methods=[method]) for method, path, view in ROUTES]
    app = Starlette(routes=routes)
    app.state.runtime = runtime
    return app
