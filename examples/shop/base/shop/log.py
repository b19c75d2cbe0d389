"""One line per event on standard output: time, level, message, then key=value pairs."""

import sys
import time

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class Log:
    """Writes events at or above one level."""

    def __init__(self, level: str = "info") -> None:
        self._threshold = LEVELS.get(level, LEVELS["info"])

    def debug(self, message: str, **values: object) -> None:
        """What a developer wants to see."""
        self._write("debug", message, values)

    def info(self, message: str, **values: object) -> None:
        """What happened."""
        self._write("info", message, values)

    def warning(self, message: str, **values: object) -> None:
        """What went wrong and was dealt with."""
        self._write("warning", message, values)

    def error(self, message: str, **values: object) -> None:
        """What went wrong for a user."""
        self._write("error", message, values)

    def _write(self, level: str, message: str, values: dict[str, object]) -> None:
        if LEVELS[level] < self._threshold:
            return
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        stamp += f".{int(now * 1000) % 1000:03d}Z"
        pairs = "".join(f" {key}={_one_word(value)}" for key, value in values.items())
        sys.stdout.write(f"{stamp} {level.upper()} {message}{pairs}\n")
        sys.stdout.flush()


def _one_word(value: object) -> str:
    text = " ".join(str(value).split()).replace('"', "'")
    return f'"{text}"' if " " in text else text
