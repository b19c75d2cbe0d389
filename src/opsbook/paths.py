"""Where everything Opsbook owns for one project and environment lives on disk.

Nothing is kept elsewhere; removing the directory removes it all.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Paths:
    """The state directory of one environment."""

    root: Path

    @classmethod
    def of(cls, project_root: Path, environment: str, state: str = "") -> "Paths":
        """``--state DIR`` or ``.opsbook`` beside the ops file; one folder per environment."""
        base = Path(state).absolute() if state else project_root / ".opsbook"
        return cls(base / environment)

    @property
    def database(self) -> Path:
        return self.root / "opsbook.db"

    @property
    def workflows(self) -> Path:
        return self.root / "workflows.db"

    @property
    def socket(self) -> Path:
        return self.root / "daemon.sock"

    @property
    def daemon_lock(self) -> Path:
        return self.root / "daemon.lock"

    @property
    def daemon_log(self) -> Path:
        return self.root / "daemon.log"

    @property
    def processes(self) -> Path:
        return self.root / "processes"

    @property
    def releases(self) -> Path:
        return self.root / "releases"

    @property
    def traffic(self) -> Path:
        return self.root / "traffic"

    @property
    def data(self) -> Path:
        return self.root / "data"

    def prepare(self) -> None:
        """Create the folders, readable by their owner only."""
        for folder in (self.root, self.processes, self.releases, self.traffic, self.data):
            folder.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o700)
