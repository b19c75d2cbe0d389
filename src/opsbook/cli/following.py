"""Attach to a running deployment: a live picture on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Iterator
from typing import Any

from opsbook.cli import client, options, output

_MARKS = {"done": "✓", "running": "▸", "failed": "✗", "held": "‖"}


def follow_deployment(deployment: str) -> int:
    """Show a deployment until it ends. Ctrl-C detaches. Exit code 0 when it was promoted."""
    snapshots = client.stream(f"/api/deployments/{deployment}/stream")
    try:
        if sys.stderr.isatty() and not (options.current().quiet or options.current().json):
            last = _live(snapshots)
        else:
            last = _plain(snapshots)
    except KeyboardInterrupt:
        output.progress(
            f"\ndetached: it goes on. Come back with `opsbook deployment follow {deployment}`, "
            "end it with `opsbook abort`."
        )
        return 130
    output.result(_answer(last), _ending)
    return 0 if last["outcome"] == "promoted" else 1


def _answer(last: dict[str, Any]) -> dict[str, Any]:
    names = ("deployment", "kind", "release", "outcome", "reason", "duration_s", "switch_ms")
    return {**{name: last.get(name) for name in names}, "requests": last.get("requests", {})}


def _ending(answer: dict[str, Any]) -> list[str]:
    good = answer["outcome"] == "promoted"
    word = output.paint(answer["outcome"], "green" if good else "red")
    took = f" in {answer['duration_s']:.1f} s" if answer["duration_s"] is not None else ""
    lines = [f"{answer['release']} {word}{took}"]
    if answer["reason"]:
        lines.append(f"  because {answer['reason']}")
    if answer["switch_ms"] is not None:
        lines.append(f"  traffic switched in {answer['switch_ms']:.1f} ms")
    for release, seen in answer["requests"].items():
        lines.append(f"  {release}: {seen['total']} requests, {seen['failed']} failed")
    return lines


def _plain(snapshots: Iterator[dict[str, Any]]) -> dict[str, Any]:
    seen: set[tuple[int, str]] = set()
    last: dict[str, Any] = {}
    for last in snapshots:
        for step in last["steps"]:
            key = (step["id"], step["status"])
            if key not in seen:
                seen.add(key)
                output.progress(_step_line(step))
    return last


def _live(snapshots: Iterator[dict[str, Any]]) -> dict[str, Any]:
    from rich.console import Console
    from rich.live import Live

    last: dict[str, Any] = {}
    with Live(console=Console(stderr=True), refresh_per_second=8, transient=False) as live:
        for last in snapshots:
            live.update(_picture(last))
    return last


def _picture(snapshot: dict[str, Any]) -> Any:
    from rich.console import Group
    from rich.text import Text

    colours = {"done": "green", "running": "cyan", "failed": "red", "held": "yellow"}
    lines = [Text(f"{snapshot['kind']} {snapshot['release']}", style="bold")]
    lines += [
        Text(_step_line(step), style=colours.get(step["status"], "")) for step in snapshot["steps"]
    ]
    if not snapshot["outcome"] and snapshot["status"] != "starting":
        lines.append(Text(f"    {snapshot['status']}", style="yellow"))
    coming = snapshot["coming"]
    lines += [Text(f"  · {text}", style="dim") for text in coming[:4]]
    if len(coming) > 4:
        lines.append(Text(f"    … {len(coming) - 4} more steps", style="dim"))
    lines += _traffic(snapshot)
    if snapshot.get("left_s"):
        lines.append(Text(f"about {snapshot['left_s']:.0f} s left; Ctrl-C detaches", style="dim"))
    return Group(*lines)


def _traffic(snapshot: dict[str, Any]) -> list[Any]:
    from rich.text import Text

    lines: list[Any] = []
    for service, shares in snapshot["traffic"].items():
        for release, percent in shares.items():
            bar = "█" * round(percent / 5)
            seen = snapshot["requests"].get(release, {})
            p95 = seen.get("p95_ms")
            facts = f"{seen.get('total', 0)} requests  {seen.get('failed', 0)} failed"
            timing = f"  p95 {p95:.0f} ms" if p95 is not None else ""
            lines.append(
                Text(f"  {service:<10} {release:<14} {bar:<20} {percent:5.1f} %  {facts}{timing}")
            )
    return lines


def _step_line(step: dict[str, Any]) -> str:
    took = f" ({step['took_s']:.1f} s)" if step["took_s"] is not None else ""
    detail = f": {step['detail']}" if step["detail"] else ""
    return f"  {_MARKS.get(step['status'], '·')} {step['name']}{detail}{took}"
