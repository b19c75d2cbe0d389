"""HAProxy's statistics table as counters, pure."""

import csv
import io

from opsbook.traffic.base import ServerCounters
from opsbook.traffic.config_text import service_name


def parse(table: str) -> tuple[ServerCounters, ...]:
    """Server rows of ``show stat``; frontends, backends and Opsbook's own are left out."""
    reader = csv.DictReader(io.StringIO(table.lstrip("# ")))
    found = []
    for row in reader:
        service = service_name(row["pxname"])
        if not service or row["svname"] in ("BACKEND", "FRONTEND"):
            continue
        by_class = {f"{n}xx": _number(row[f"hrsp_{n}xx"]) for n in range(1, 6)}
        connection, response = _number(row["econ"]), _number(row["eresp"])
        found.append(
            ServerCounters(
                service=service,
                server=row["svname"],
                status=row["status"],
                weight=_number(row["weight"]),
                requests=_number(row["stot"]),
                # HAProxy answers 5xx itself for connection and response errors: already counted.
                failed=by_class["5xx"] + response,
                connection_errors=connection,
                response_errors=response,
                sessions=_number(row["scur"]),
                by_class=by_class,
            )
        )
    return tuple(found)


def _number(text: str | None) -> int:
    return int(text) if text else 0
