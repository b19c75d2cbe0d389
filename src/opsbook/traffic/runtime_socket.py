"""HAProxy's runtime socket: commands in, answers out."""

import os
import socket
from collections.abc import Sequence
from pathlib import Path

from opsbook.errors import FailedError, TransientError

_TIMEOUT_S = 5.0


class RuntimeSocket:
    """One connection per call, several commands in it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def ask(self, *commands: str) -> str:
        """Send the commands in one line; the answers come back as one text.

        Raises TransientError when the proxy does not answer.
        """
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(_TIMEOUT_S)
                _connect(connection, self._path)
                connection.sendall("; ".join(commands).encode() + b"\n")
                pieces = []
                while piece := connection.recv(65536):
                    pieces.append(piece)
        except OSError as error:
            raise TransientError(
                f"the proxy does not answer: {error}",
                hint="`opsbook up` starts it again",
                subject="haproxy",
            ) from error
        return b"".join(pieces).decode(errors="replace")

    def tell(self, commands: Sequence[str], *, fine: Sequence[str] = ()) -> None:
        """Send commands whose answers should be empty, or hold one of the ``fine`` texts.

        Raises FailedError with HAProxy's own words otherwise.
        """
        for start in range(0, len(commands), 40):
            answer = self.ask(*commands[start : start + 40])
            for line in answer.splitlines():
                if line.strip() and not any(text in line for text in (*fine, "New server")):
                    raise FailedError(f"the proxy refused: {line.strip()}", subject="haproxy")


def _connect(connection: socket.socket, path: Path) -> None:
    if len(os.fsencode(path)) < 100:
        connection.connect(str(path))
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        connection.connect(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)
