"""Writes, or checks, the documents that are generated from the code."""

import sys
from pathlib import Path

from opsbook.cli.reference import render_cli_reference
from opsbook.config.reference import json_schema_text, render_markdown

ROOT = Path(__file__).parent.parent
DOCUMENTS = {
    "docs/configuration.md": render_markdown,
    "docs/opsbook.schema.json": json_schema_text,
    "docs/cli.md": render_cli_reference,
}


def main() -> int:
    """``--write`` or ``--check``; the check names what is out of date."""
    stale = []
    for name, render in DOCUMENTS.items():
        path, text = ROOT / name, render()
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--write" in sys.argv:
            path.write_text(text, encoding="utf-8")
    if stale and "--write" not in sys.argv:
        print(f"out of date: {', '.join(stale)}; run `make docs`")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
