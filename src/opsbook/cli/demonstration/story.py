"""The chapters of the demo, in order, and what each must show."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from opsbook.cli.demonstration.world import World

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Chapter:
    """One deployment (or other act): what was tried, how it must end, what to say before."""

    title: str
    words: tuple[str, ...]
    expected: str
    bad: bool = False


FULL = (
    Chapter("v2: a good version with a migration, by canary", ("deploy", "v2", "-y"), "promoted"),
    Chapter("v3: 8 % of the orders fail", ("deploy", "v3", "-y"), "rolled_back", bad=True),
    Chapter("v4: never gets ready", ("deploy", "v4", "-y"), "failed", bad=True),
    Chapter("v5: exits at the start", ("deploy", "v5", "-y"), "failed", bad=True),
    Chapter("v6: its migration fails half way", ("deploy", "v6", "-y"), "failed", bad=True),
    Chapter(
        "v7: fine at first, fails after it has all the traffic",
        ("deploy", "v7", "-y"),
        "rolled_back",
        bad=True,
    ),
    Chapter("three instances of the API", ("scale", "api=3", "-y"), "promoted"),
    Chapter("a rolling restart", ("restart", "api", "-y"), "promoted"),
    Chapter("back to v1 by hand", ("rollback", "-y"), "promoted"),
)
FAST = tuple(FULL[i] for i in (0, 1, 3, 4, 8))


@dataclass
class Story:
    """What happened: the summary the demo ends with."""

    chapters: list[dict[str, Any]] = field(default_factory=list)
    load: dict[str, Any] = field(default_factory=dict)
    address: str = ""
    took_s: float = 0.0

    @property
    def good(self) -> bool:
        """Whether everything ended as it must, and not one request was lost."""
        return self.load.get("lost", 1) == 0 and all(c["as_expected"] for c in self.chapters)

    def as_dict(self) -> dict[str, Any]:
        return {
            "good": self.good,
            "address": self.address,
            "took_s": round(self.took_s, 1),
            "requests": self.load,
            "chapters": self.chapters,
        }


def play(world: World, chapters: tuple[Chapter, ...], rate: int, tell: Tell) -> Story:
    """Bring the shop up, put it under load, go through the chapters, count."""
    began = time.monotonic()
    story = Story()
    world.clear()
    tell("building the shop's repository: v1 to v7")
    world.prepare()
    story.address = f"http://127.0.0.1:{world.port}"
    tell("starting PostgreSQL, Valkey and HAProxy")
    world.opsbook("up")
    tell("v1 goes live")
    world.opsbook("deploy", "v1", "-y")
    world.opsbook("exec", "api", "--", "python", "-m", "shop.seed")
    tell(f"strict load starts: {rate} requests/s, never a retry")
    world.start_load(rate)
    time.sleep(2)
    for chapter in chapters:
        tell(chapter.title)
        told = _play_one(world, chapter)
        tell("   " + _verdict(told))
        story.chapters.append(told)
    time.sleep(1)
    story.load = world.stop_load()
    story.took_s = time.monotonic() - began
    return story


def _play_one(world: World, chapter: Chapter) -> dict[str, Any]:
    began = time.monotonic()
    answer = world.opsbook(*chapter.words, check=False)
    problem = answer.get("error", {})
    outcome = answer.get("outcome") or "refused"
    return {
        "title": chapter.title,
        "outcome": outcome,
        "expected": chapter.expected,
        "as_expected": outcome == chapter.expected,
        "bad_version": chapter.bad,
        "reason": answer.get("reason") or problem.get("message", ""),
        "switch_ms": answer.get("switch_ms"),
        "took_s": round(time.monotonic() - began, 1),
    }


def _verdict(told: dict[str, Any]) -> str:
    text = f"{told['outcome'].replace('_', ' ')} in {told['took_s']:.1f} s"
    if told["switch_ms"] is not None:
        text += f", traffic switched in {told['switch_ms']:.1f} ms"
    return text + (f": {told['reason']}" if told["reason"] else "")
