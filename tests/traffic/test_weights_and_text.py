"""Shares as weights, and a configuration that HAProxy accepts."""

import subprocess

from hypothesis import given, settings
from hypothesis import strategies as st

from opsbook.traffic.base import FleetShare, HealthCheck, Pool, Route, Server, Topology
from opsbook.traffic.config_text import render
from opsbook.traffic.counters import parse
from opsbook.traffic.haproxy import binary
from opsbook.traffic.request_log import parse as parse_log
from opsbook.traffic.weights import MAX_WEIGHT, server_weights


def fleet(release, percent, size):
    servers = tuple(Server(f"{release}-{n}", "127.0.0.1", 1000 + n) for n in range(size))
    return FleetShare(release, percent, servers)


@settings(deadline=None)
@given(st.floats(1, 99), st.integers(1, 8), st.integers(1, 8))
def test_shares_are_kept_within_a_percent_where_weights_permit(percent, old, new):
    weights = server_weights([fleet("old", 100 - percent, old), fleet("new", percent, new)])
    assert all(0 <= w <= MAX_WEIGHT for w in weights.values())
    total = sum(weights.values())
    got = 100 * sum(w for name, w in weights.items() if name.startswith("new")) / total
    small = min(percent / new, (100 - percent) / old)
    large = max(percent / new, (100 - percent) / old)
    assert abs(got - percent) <= max(1.0, 100 * large / small / MAX_WEIGHT)


@given(st.integers(1, 8), st.integers(1, 8))
def test_nothing_is_exactly_nothing(old, new):
    weights = server_weights([fleet("old", 0.0, old), fleet("new", 100.0, new)])
    assert {w for name, w in weights.items() if name.startswith("old")} == {0}
    assert {w for name, w in weights.items() if name.startswith("new")} == {MAX_WEIGHT}
    assert set(server_weights([fleet("old", 0.0, old)]).values()) == {0}


names = st.from_regex(r"[a-z][a-z0-9-]{0,10}", fullmatch=True)
paths = st.from_regex(r"/[a-zA-Z0-9_.~%$-]{0,12}", fullmatch=True)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(names, min_size=1, max_size=4, unique=True),
    st.lists(paths, min_size=1, max_size=4, unique=True),
    st.booleans(),
)
def test_haproxy_accepts_what_we_write(tmp_path_factory, services, routes, strip):
    folder = tmp_path_factory.mktemp("h")
    topology = Topology(
        listen_port=18999,
        routes=tuple(
            Route(
                services[n % len(services)],
                path,
                host="" if n % 2 else "*.shop.example",
                strip=strip,
            )
            for n, path in enumerate(routes)
        ),
        pools=tuple(Pool(name, HealthCheck("/ready")) for name in services),
    )
    text = render(topology, {services[0]: (fleet("r1", 100.0, 2),)})
    (folder / "haproxy.cfg").write_text(text)
    done = subprocess.run(
        [binary(), "-c", "-q", "-f", "haproxy.cfg"], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr + text


def test_counters_leave_out_what_is_not_a_server():
    table = (
        "# pxname,svname,status,weight,stot,econ,eresp,scur,"
        "hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx\n"
        "web,FRONTEND,OPEN,,9,,,1,0,9,0,0,0\n"
        "service_api,api-r1-1,UP,100,7,1,2,3,0,4,0,0,1\n"
        "service_api,BACKEND,UP,100,7,1,2,3,0,4,0,0,1\n"
        "nobody,BACKEND,UP,0,7,1,2,3,0,4,0,0,1\n"
    )
    (row,) = parse(table)
    assert (row.service, row.server, row.requests, row.sessions) == ("api", "api-r1-1", 7, 3)
    assert row.failed == 3 and row.by_class["2xx"] == 4


@given(st.lists(st.integers(0, 10**7), max_size=20), st.integers(1, 40))
def test_the_log_is_read_in_pieces_of_any_size(durations, size):
    lines = [f"service_api api-r1-1 200 {d} GET /x" for d in durations]
    data = b"".join(f"{len(line)} {line}".encode() for line in lines)
    found, rest = [], b""
    for start in range(0, len(data), size):
        samples, rest = parse_log(rest + data[start : start + size])
        found += samples
    assert [s.duration_us for s in found] == durations and rest == b""
