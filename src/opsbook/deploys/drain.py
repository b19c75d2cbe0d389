"""When an unrouted instance may be stopped; pure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DrainWindows:
    """How long plain requests, and WebSockets or event streams, may go on. Seconds."""

    requests_s: float = 30.0
    long_lived_s: float = 300.0


def may_close(sessions: int, elapsed_s: float, windows: DrainWindows) -> bool:
    """With nothing in flight at once. What is still there after the time for requests is
    long-lived and gets the longer window; then the instance itself closes it politely."""
    if sessions == 0:
        return True
    return elapsed_s >= max(windows.requests_s, windows.long_lived_s)
