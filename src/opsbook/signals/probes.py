"""Questions asked of running things; each answers with a check and changes nothing."""

import shutil
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

from opsbook import http
from opsbook.config.model.dependency import (
    Dependency,
    Elasticsearch,
    Files,
    Http,
    Mongodb,
    Postgres,
    Redis,
    Tcp,
)
from opsbook.datastores import pings
from opsbook.errors import OpsbookError
from opsbook.signals.base import Check, Status


def probe_dependency(name: str, declared: Dependency, url: str, root: Path) -> Check:
    """Whether a dependency answers; a failure of one that is not required is a warning."""
    timeout_s = declared.timeout.total_seconds()
    target, kind = _shown(url), declared.type
    if isinstance(declared, Files):
        folder = (root / declared.path).resolve()
        why, took = pings.timed(lambda: pings.files(folder))
        target = declared.path
    elif isinstance(declared, Tcp):
        why, took = pings.timed(lambda: _tcp(declared.address, timeout_s))
        target = declared.address
    elif not url:
        return Check(name, kind, "", Status.UNKNOWN, "it has no address")
    else:
        why, took = pings.timed(lambda: _ask(declared, url, timeout_s))
    if not why:
        return Check(name, kind, target, Status.OK, "", took)
    status = Status.CRITICAL if declared.required else Status.WARNING
    return Check(name, kind, target, status, why, took)


def _ask(declared: Dependency, url: str, timeout_s: float) -> str:
    if isinstance(declared, Postgres):
        return pings.postgres(url, timeout_s)
    if isinstance(declared, Redis):
        return pings.redis_ping(url, timeout_s)
    if isinstance(declared, Mongodb):
        return pings.mongodb(url, timeout_s)
    if isinstance(declared, Elasticsearch):
        return _cluster(url, timeout_s)
    assert isinstance(declared, Http)
    return _outside(declared, url, timeout_s)


def _cluster(url: str, timeout_s: float) -> str:
    try:
        answer = http.request("GET", url.rstrip("/") + "/_cluster/health", timeout_s=timeout_s)
    except OpsbookError as error:
        return error.message
    if answer.status != 200:
        return f"answers {answer.status}"
    return "the cluster is red" if '"status":"red"' in answer.text.replace(" ", "") else ""


def _outside(declared: Http, url: str, timeout_s: float) -> str:
    try:
        answer = http.request(
            declared.method, url, headers=dict(declared.headers), timeout_s=timeout_s
        )
    except OpsbookError as error:
        return error.message
    if 200 <= answer.status < 400 or answer.status in declared.expect:
        return ""
    return f"answers {answer.status}"


def _tcp(address: str, timeout_s: float) -> str:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=timeout_s).close()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def probe_http(name: str, url: str, *, timeout_s: float, contains: str = "") -> Check:
    """A GET that must answer 2xx (and contain a text)."""
    began = time.perf_counter()
    try:
        answer = http.request("GET", url, timeout_s=timeout_s)
    except OpsbookError as error:
        return Check(name, "http", url, Status.CRITICAL, error.message)
    took = (time.perf_counter() - began) * 1000
    if not 200 <= answer.status < 300:
        return Check(name, "http", url, Status.CRITICAL, f"answers {answer.status}", took)
    if contains and contains not in answer.text:
        return Check(name, "http", url, Status.CRITICAL, f"does not say {contains!r}", took)
    return Check(name, "http", url, Status.OK, "", took)


def probe_tcp(name: str, host: str, port: int, *, timeout_s: float) -> Check:
    """A connection that must be accepted."""
    why, took = pings.timed(lambda: _tcp(f"{host}:{port}", timeout_s))
    status = Status.CRITICAL if why else Status.OK
    return Check(name, "tcp", f"{host}:{port}", status, why, took)


def probe_disk(path: Path, *, warning: float = 85.0, critical: float = 95.0) -> Check:
    """How full the disk of a folder is, in percent."""
    usage = shutil.disk_usage(path)
    used = 100.0 * (usage.total - usage.free) / usage.total
    text = f"{used:.0f} % used, {usage.free / 2**30:.1f} GiB free"
    if used >= critical:
        return Check("disk", "disk", str(path), Status.CRITICAL, text)
    if used >= warning:
        return Check("disk", "disk", str(path), Status.WARNING, text)
    return Check("disk", "disk", str(path), Status.OK, text)


def _shown(url: str) -> str:
    """An address without its credentials."""
    parts = urlsplit(url)
    if not parts.hostname:
        return ""
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"
