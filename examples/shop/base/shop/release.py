"""Which version of the shop this is."""

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Release:
    """`version` is the tag's name, `commit` what was deployed, `label` the X-Release header."""

    version: str
    commit: str
    label: str


def current() -> Release:
    """From the VERSION file, and from $OPSBOOK_COMMIT and $OPSBOOK_RELEASE where they are set."""
    version = (ROOT / "VERSION").read_text().strip()
    label = os.environ.get("OPSBOOK_RELEASE") or version
    return Release(version, os.environ.get("OPSBOOK_COMMIT") or label, label)
