"""What a process makes sure of before it serves."""

import sys
from pathlib import Path

TAX_TABLE = Path(__file__).with_name("tax.json")


def check() -> None:
    """The tax table has to be there.

    The fault of this version: it was never added to the repository.
    """
    if not TAX_TABLE.exists():
        print(f"ERROR cannot start: {TAX_TABLE.name} is missing", file=sys.stderr, flush=True)
        sys.exit(3)
