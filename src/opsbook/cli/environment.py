"""opsbook up, down, status, health and serve."""

import shutil
import time
from typing import Annotated, Any

from cyclopts import Parameter

from opsbook.cli import client, options, output
from opsbook.clock import parse_duration

_EXIT = {"ok": 0, "warning": 1, "critical": 2, "unknown": 3}
_COLOURS = {"ok": "green", "warning": "yellow", "critical": "red", "unknown": "yellow"}


def up() -> None:
    """Start embedded datastores, the proxy and what was live."""
    output.progress("starting …")
    output.result(client.post("/api/up"), _status_lines)


def down(*, purge: bool = False) -> None:
    """Stop everything of this project; data stays.

    Parameters
    ----------
    purge:
        Remove everything Opsbook keeps for this environment, data included.
    """
    paths = client.locate()
    if purge:
        output.confirm(f"This removes {paths.root} with all its data.", name=paths.root.name)
    answer = client.post("/api/down") if paths.root.exists() else {"stopped": []}
    if purge:
        client.await_end(paths)
        shutil.rmtree(paths.root, ignore_errors=True)
    output.result(answer, lambda a: f"{len(a['stopped'])} instances stopped")


def status() -> None:
    """What runs, which release is live, who gets traffic."""
    output.result(client.get("/api/status"), _status_lines)


def health(
    *,
    detailed: bool = False,
    watch: Annotated[bool, Parameter(negative=())] = False,
    interval: str = "30s",
) -> int:
    """Check everything; exit code 0 ok, 1 warning, 2 critical, 3 unknown.

    Parameters
    ----------
    detailed:
        Memory, open files and crashes of every instance as well.
    watch:
        Again and again until Ctrl-C.
    interval:
        Time between two rounds of --watch.
    """
    pause_s = parse_duration(interval).total_seconds()
    while True:
        report = client.get("/api/health", detailed="1" if detailed else "")
        output.result(report, _health_lines)
        if not watch:
            return _EXIT[report["status"]]
        time.sleep(pause_s)


def serve() -> int:
    """Run the daemon in the foreground, for systemd and containers."""
    from opsbook import daemon

    chosen = options.current()
    argv = ["--config", str(chosen.config_path)]
    if chosen.environment:
        argv += ["--env", chosen.environment]
    if chosen.state:
        argv += ["--state", chosen.state]
    return daemon.main(argv)


def _status_lines(s: dict[str, Any]) -> list[str]:
    release = f"{s['release']} ({s['label']})" if s["release"] else "nothing is live yet"
    lines = [
        f"{output.paint(s['project'], 'bold')} {s['environment']}: {release}",
        f"address {s['address']}, proxy {s['proxy']}"
        + (f", deployment {s['deployment']} under way" if s["deployment"] else "")
        + (f", frozen: {s['freeze']}" if s["freeze"] else ""),
    ]
    rows = [
        [
            i["name"],
            i["status"],
            i["port"] or "",
            i["crashes"],
            f"{i['memory_bytes'] / 2**20:.0f} MiB" if i["memory_bytes"] else "",
            _share(s, i),
        ]
        for i in s["instances"]
    ]
    if rows:
        lines += [
            "",
            *output.table(["INSTANCE", "STATUS", "PORT", "CRASHES", "MEMORY", "TRAFFIC"], rows),
        ]
    return lines


def _share(s: dict[str, Any], instance: dict[str, Any]) -> str:
    shares = s["services"].get(instance["service"], {}).get("traffic", {})
    percent = shares.get(instance["release"])
    return "" if percent is None else f"{percent:g} %"


def _health_lines(report: dict[str, Any]) -> list[str]:
    word = output.paint(report["status"], _COLOURS[report["status"]])
    rows = [
        [
            c["name"],
            c["kind"],
            c["status"],
            "" if c["latency_ms"] is None else f"{c['latency_ms']:.1f} ms",
            c["reason"],
        ]
        for c in report["checks"]
    ]
    return [word, *output.table(["CHECK", "KIND", "STATUS", "TOOK", "REASON"], rows)]
