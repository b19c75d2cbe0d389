"""Reading the shim's log files: parsed, filtered, merged in time order, followed."""

import heapq
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from opsbook.errors import UsageError
from opsbook.platforms.base import LogLine, LogQuery

_STREAMS = {"O": "stdout", "E": "stderr"}


@dataclass(frozen=True)
class LogFile:
    """The log of one instance: the newest file; older ones end in .1, .2 …"""

    path: Path
    service: str
    instance: str

    def generations(self) -> list[Path]:
        """Existing files, oldest first."""
        older = [p for p in self.path.parent.glob("log.*") if p.suffix[1:].isdigit()]
        older.sort(key=lambda p: -int(p.suffix[1:]))
        return [*older, self.path] if self.path.exists() else older


def read(files: list[LogFile], query: LogQuery) -> Iterator[LogLine]:
    """Matching lines of all files, merged by time; streams, whatever the size.

    Raises UsageError for a pattern that is no regular expression.
    """
    matches = matcher(query.grep)
    merged = heapq.merge(*(_lines(file) for file in files), key=lambda line: line.at)
    chosen = (line for line in merged if wanted(line, query) and matches(line.text))
    if query.tail is None:
        return chosen
    return iter(deque(chosen, maxlen=query.tail))


class Follower:
    """New lines of files that grow, rotate and appear."""

    def __init__(self, query: LogQuery) -> None:
        self._matches = matcher(query.grep)
        self._query = query
        self._open: dict[str, tuple[int, int]] = {}

    def skip_to_end(self, files: list[LogFile]) -> None:
        """Only what comes from now on counts."""
        for file in files:
            try:
                facts = file.path.stat()
            except OSError:
                continue
            self._open[file.instance] = (facts.st_ino, facts.st_size)

    def poll(self, files: list[LogFile]) -> list[LogLine]:
        """What came since the last call, in time order."""
        found = [line for file in files for line in self._new(file)]
        found.sort(key=lambda line: line.at)
        return [line for line in found if wanted(line, self._query) and self._matches(line.text)]

    def _new(self, file: LogFile) -> list[LogLine]:
        inode, position = self._open.get(file.instance, (0, 0))
        lines: list[LogLine] = []
        for path in file.generations():
            try:
                facts = path.stat()
            except OSError:
                continue
            if facts.st_ino == inode:
                lines, offset = [], position
            else:
                offset = 0
            chunk, end = _from(path, offset)
            lines += [line for raw in chunk if (line := _parse(raw, file)) is not None]
            self._open[file.instance] = (facts.st_ino, end)
        return lines


def _from(path: Path, offset: int) -> tuple[list[bytes], int]:
    try:
        with path.open("rb") as handle:
            handle.seek(offset)
            data = handle.read()
    except OSError:
        return [], offset
    complete = data.rfind(b"\n") + 1
    return data[:complete].splitlines(), offset + complete


def _lines(file: LogFile) -> Iterator[LogLine]:
    for path in file.generations():
        try:
            handle = path.open("rb")
        except OSError:
            continue
        with handle:
            for raw in handle:
                line = _parse(raw.rstrip(b"\n"), file)
                if line is not None:
                    yield line


def _parse(raw: bytes, file: LogFile) -> LogLine | None:
    head, _, text = raw.decode(errors="replace").partition(" ")
    stream, _, text = text.partition(" ")
    try:
        at = datetime.strptime(head, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        return None
    return LogLine(at, file.service, file.instance, _STREAMS.get(stream, stream), text)


def wanted(line: LogLine, query: LogQuery) -> bool:
    """Whether a line falls into the span of time that was asked for."""
    if query.since is not None and line.at < query.since:
        return False
    return query.until is None or line.at <= query.until


def matcher(pattern: str) -> Callable[[str], bool]:
    """A test for lines. Raises UsageError when ``pattern`` is no regular expression."""
    if not pattern:
        return lambda _text: True
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise UsageError(
            f"{pattern!r} is not a regular expression: {error}",
            hint="put a backslash before ( ) [ ] * + ? to mean the sign itself",
        ) from error
    return lambda text: compiled.search(text) is not None
