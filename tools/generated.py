"""Writes, or checks, the documents that are generated from the code."""

import sys
import tempfile
from pathlib import Path

from opsbook.cli.reference import render_cli_reference
from opsbook.config import reference

DOCS = Path(__file__).parent.parent / "docs"


def rendered() -> dict[str, str]:
    """Every generated document by its name below docs/."""
    with tempfile.TemporaryDirectory() as folder:
        written = {
            path.name: path.read_text(encoding="utf-8") for path in reference.write(Path(folder))
        }
    return {**written, "cli.md": render_cli_reference()}


def main() -> int:
    """``--write`` or ``--check``; the check names what is out of date."""
    documents = rendered()
    stale = [
        name
        for name, text in documents.items()
        if not (DOCS / name).is_file() or (DOCS / name).read_text(encoding="utf-8") != text
    ]
    if "--write" in sys.argv:
        for name in stale:
            (DOCS / name).write_text(documents[name], encoding="utf-8")
        return 0
    if stale:
        print(f"out of date: {', '.join(stale)}; run `make docs`")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
