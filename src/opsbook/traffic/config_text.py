"""HAProxy's configuration as a pure function of topology and shares.

The file always equals the running state: whatever was last set through the runtime
socket stands in it too, so that a restart of the proxy changes nothing.
"""

from collections.abc import Mapping, Sequence

from opsbook.traffic.base import FleetShare, Pool, Route, Topology
from opsbook.traffic.weights import server_weights


def render(topology: Topology, shares: Mapping[str, Sequence[FleetShare]]) -> str:
    """The whole file."""
    sections = [_globals(), _requests_ring(), _frontend(topology)]
    sections += [_backend(pool, shares.get(pool.service, ())) for pool in topology.pools]
    sections.append(_nobody())
    return "\n\n".join(sections) + "\n"


def _globals() -> str:
    return """\
global
    master-worker
    stats socket unix@admin.sock mode 600 level admin expose-fd listeners
    stats timeout 1h
    hard-stop-after 10m
    log ring@requests format raw local0

defaults
    mode http
    option redispatch 1
    option dontlognull
    option http-keep-alive
    option idle-close-on-response
    option splice-auto
    http-reuse safe
    retries 3
    retry-on conn-failure
    timeout connect 2s
    timeout client 75s
    timeout http-request 30s
    timeout http-keep-alive 75s
    timeout queue 10s
    timeout check 5s
    balance roundrobin"""


def _requests_ring() -> str:
    return """\
ring requests
    format raw
    maxlen 256
    size 4194304
    timeout connect 1s
    timeout server 10s
    server opsbook unix@requests.sock log-proto octet-count"""


def _frontend(topology: Topology) -> str:
    lines = [
        "frontend web",
        f"    bind {topology.listen_host}:{topology.listen_port}",
    ]
    if topology.tls_port is not None:
        bind = f"    bind {topology.listen_host}:{topology.tls_port}"
        lines.append(f"{bind} ssl crt {quoted(topology.certificate)} alpn h2,http/1.1")
    lines += [
        "    log global",
        "    http-request set-var(txn.began) date(0,us)",
        '    log-format "%b %s %ST %[date(0,us),sub(txn.began)] %HM %HPO"',
        "    http-request set-header X-Forwarded-Proto https if { ssl_fc }",
        "    option forwardfor",
    ]
    routes = _by_length(topology.routes)
    for index, route in enumerate(routes):
        lines += _match(index, route)
    for index, route in enumerate(routes):
        lines += _send(index, route)
    lines.append("    default_backend nobody")
    return "\n".join(lines)


def _by_length(routes: Sequence[Route]) -> list[Route]:
    return sorted(routes, key=lambda r: (not r.host, -len(r.path), r.path))


def _match(index: int, route: Route) -> list[str]:
    """Remember the first route that fits: a stripped path would not fit any more."""
    lines, conditions = [], ["!{ var(txn.route) -m found }"]
    if route.host:
        match = "-m end" if route.host.startswith("*.") else "-m str"
        name = quoted(route.host.removeprefix("*").lower())
        lines.append(f"    acl host_{index} req.hdr(host),field(1,:),lower {match} {name}")
        conditions.append(f"host_{index}")
    path = route.path.rstrip("/")
    if path:
        lines.append(f"    acl path_{index} path {quoted(path)}")
        lines.append(f"    acl path_{index} path_beg {quoted(path + '/')}")
        conditions.append(f"path_{index}")
    when = " ".join(conditions)
    return [*lines, f"    http-request set-var(txn.route) int({index}) if {when}"]


def _send(index: int, route: Route) -> list[str]:
    chosen = f"{{ var(txn.route) -m int {index} }}"
    lines = [f"    use_backend {backend_name(route.service)} if {chosen}"]
    path = route.path.rstrip("/")
    if route.strip and path:
        cut = f"    http-request set-path %[path,bytes({len(path)})] if {chosen}"
        lines = [cut, f"    http-request set-path / if {chosen} {{ path -m len 0 }}", *lines]
    return lines


def _backend(pool: Pool, shares: Sequence[FleetShare]) -> str:
    lines = [
        f"backend {backend_name(pool.service)}",
        f"    timeout server {_ms(pool.response_timeout_s)}",
        f"    timeout tunnel {_ms(pool.tunnel_timeout_s)}",
    ]
    if pool.health.path:
        lines += [
            "    option httpchk",
            f"    http-check send meth GET uri {quoted(pool.health.path)} ver HTTP/1.1 "
            "hdr Host opsbook",
            "    http-check expect status 200-299",
        ]
    weights = server_weights(shares)
    for share in shares:
        for server in share.servers:
            words = server_words(server.host, server.port, pool, weights[server.name])
            lines.append(f"    server {server.name} {words}")
    return "\n".join(lines)


def server_words(host: str, port: int, pool: Pool, weight: int) -> str:
    """The settings of one server, the same in the file and on the runtime socket."""
    health = pool.health
    return (
        f"{host}:{port} weight {weight} check inter {_ms(health.interval_s)} "
        f"rise {health.rise} fall {health.fall}"
    )


def _nobody() -> str:
    return """\
backend nobody
    http-request return status 503 content-type text/plain string "nothing is live here yet\\n\""""


def backend_name(service: str) -> str:
    """Backends are named for their service, apart from Opsbook's own."""
    return f"service_{service}"


def service_name(backend: str) -> str:
    """The service of a backend; empty for Opsbook's own."""
    return backend.removeprefix("service_") if backend.startswith("service_") else ""


def _ms(seconds: float) -> str:
    return f"{max(1, round(seconds * 1000))}ms"


def quoted(text: str) -> str:
    """A word as HAProxy's configuration reads it back unchanged."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return f'"{escaped}"'
