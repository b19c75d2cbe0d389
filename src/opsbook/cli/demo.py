"""opsbook demo."""

from pathlib import Path
from typing import Any

from opsbook.cli import output
from opsbook.cli.demonstration.story import FAST, FULL, play
from opsbook.cli.demonstration.world import World

_RATE = 300


def demo(*, fast: bool = False, folder: str = ".demo", rate: int = _RATE) -> int:
    """A real shop under load: a good version is promoted, bad ones are rolled back.

    Parameters
    ----------
    fast:
        Only half of the chapters.
    folder:
        Where the shop lives; it stays there, running.
    rate:
        Requests per second.
    """
    world = World(Path(folder).absolute())
    try:
        story = play(world, FAST if fast else FULL, rate, lambda text: output.progress(f"▸ {text}"))
    finally:
        world.close()
    output.result(story.as_dict(), lambda s: _summary(s, folder))
    return 0 if story.good else 1


def _summary(s: dict[str, Any], folder: str) -> list[str]:
    load = s["requests"]
    lost = output.paint(str(load.get("lost")), "green" if load.get("lost") == 0 else "red")
    lines = ["", f"{load.get('sent')} requests sent, {lost} lost, in {s['took_s']:.0f} s", ""]
    rows = [
        [
            c["title"],
            c["outcome"].replace("_", " "),
            "" if c["switch_ms"] is None else f"{c['switch_ms']:.1f} ms",
            c["reason"][:90],
        ]
        for c in s["chapters"]
    ]
    lines += output.table(["WHAT", "OUTCOME", "SWITCH", "STOPPED BY"], rows)
    lines += [
        "",
        f"The shop runs on: {s['address']} (admin: {s['address']}/admin). Try, in {folder}:",
        "  opsbook status",
        "  opsbook deploy v2",
        "  opsbook audit",
        "and `opsbook down --purge` when you are done.",
    ]
    return lines
