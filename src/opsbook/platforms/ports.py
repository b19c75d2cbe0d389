"""Free ports from a declared range."""

import socket
from collections.abc import Iterable
from dataclasses import dataclass

from opsbook.errors import ConflictError


@dataclass(frozen=True)
class PortRange:
    """Ports instances may listen on, both ends included."""

    first: int = 20000
    last: int = 29999
    host: str = "127.0.0.1"

    def free(self, taken: Iterable[int], *, start: int = 0) -> int:
        """A port that nobody listens on and nobody was given, from ``start`` onwards.

        Raises ConflictError when the whole range is in use.
        """
        used = set(taken)
        count = self.last - self.first + 1
        for offset in range(count):
            port = self.first + (start + offset) % count
            if port not in used and is_free(self.host, port):
                return port
        raise ConflictError(
            f"no free port between {self.first} and {self.last}",
            hint="widen `traffic.ports` in opsbook.yaml",
        )


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
