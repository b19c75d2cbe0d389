"""The port of an embedded server: chosen once, kept in its folder."""

import socket
from pathlib import Path

from opsbook.errors import ConflictError


def choose(folder: Path, wanted: int | None) -> int:
    """The declared port, else the one kept in the folder, else a free one which is kept."""
    file = folder / "port"
    if wanted is not None:
        return wanted
    if file.is_file():
        return int(file.read_text())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text(str(port))
    return port


def require_free(port: int, *, name: str) -> None:
    """Raises ConflictError when somebody else listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ConflictError(
                f"port {port} for {name} is taken: {error.strerror}",
                hint=f"stop what listens there, or set `dependencies.{name}.port`",
                subject=name,
            ) from error
