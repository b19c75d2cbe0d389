"""Running the load client or the long-lived connections beside a test or a benchmark."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


class BackgroundLoad:
    """One of this package's programs in a process of its own.

    `program` is `client` or `longlived`; `arguments` are those of its command line.
    """

    def __init__(self, program: str, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / f"{program}.py"), *arguments, "--json"],
            stdout=subprocess.PIPE,
            text=True,
        )

    @property
    def running(self) -> bool:
        """True until it ends."""
        return self._process.poll() is None

    def stop(self, timeout_s: float = 30.0) -> dict[str, Any]:
        """Ask it to end, let it finish what is under way; its summary."""
        if self.running:
            self._process.terminate()
        return self.wait(timeout_s)

    def wait(self, timeout_s: float | None = None) -> dict[str, Any]:
        """Its summary when it ends by itself. Raises subprocess.TimeoutExpired, and ends it."""
        try:
            output, _ = self._process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        summary: dict[str, Any] = json.loads(output)
        return summary

    def kill(self) -> None:
        """End it at once, without a summary."""
        self._process.kill()
        self._process.communicate()

    def __enter__(self) -> "BackgroundLoad":
        return self

    def __exit__(self, *_: object) -> None:
        if self.running:
            self.kill()
