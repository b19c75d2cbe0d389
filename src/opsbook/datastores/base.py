"""What a datastore can be asked, and what an embedded one can be told."""

from typing import Protocol


class EmbeddedServer(Protocol):
    """A datastore that Opsbook runs for development and trials. It outlives the daemon.

    Raises ConflictError when its port is taken, FailedError when it does not start,
    PermanentError when its program is not installed.
    """

    name: str
    kind: str

    def ensure(self) -> None:
        """Start it, or find it running; returns when it answers."""
        ...

    def url(self) -> str:
        """Where clients find it; without credentials, for it listens on loopback only."""
        ...

    def running(self) -> bool:
        """Whether its process runs."""
        ...

    def stop(self) -> None:
        """Stop it in an orderly way."""
        ...
