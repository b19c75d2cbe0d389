"""opsbook init, check and docs: what needs nothing but files."""

from pathlib import Path
from typing import Any

from opsbook.cli import options, output
from opsbook.errors import ConfigError, ConflictError, NotFoundError


def init(*, project: str = "") -> None:
    """Write a commented opsbook.yaml here.

    Parameters
    ----------
    project:
        Name of the project; the folder's by default.
    """
    import re

    from opsbook.config import init_template

    path = Path(options.current().config or "opsbook.yaml").absolute()
    if path.exists():
        raise ConflictError(
            f"{path.name} is there already", hint="edit it, or name another: -c FILE"
        )
    name = project or re.sub(r"[^a-z0-9]+", "-", path.parent.name.lower()).strip("-") or "project"
    name = name if name[0].isalpha() else f"p-{name}"
    path.write_text(init_template(name[:40]), encoding="utf-8")
    output.result({"written": [str(path)]}, lambda _: f"wrote {path.name}; next: opsbook check")


def check() -> int:
    """Report every problem of opsbook.yaml at once; exit code 3 when there is an error."""
    import os

    from opsbook.config import check as find_problems
    from opsbook.config import load, secrets

    chosen = options.current()
    path = chosen.config_path
    found = list(find_problems(path, environment=chosen.environment or None))
    if not any(problem.severity == "error" for problem in found):
        config = load(path, environment=chosen.environment or None)
        found += secrets.problems(config, os.environ)
    errors = [problem for problem in found if problem.severity == "error"]
    answer = {"file": str(path), "problems": [problem.as_dict() for problem in found]}
    output.result(answer, lambda _: _problem_lines(found))
    return ConfigError.exit_code if errors else 0


def _problem_lines(found: list[Any]) -> list[str]:
    if not found:
        return ["no problems"]
    colours = {"error": "red", "warning": "yellow"}
    return [output.paint(f"{p.severity}:", colours[p.severity]) + f" {p}" for p in found]


def docs(section: str = "", /) -> None:
    """The configuration reference, offline.

    Parameters
    ----------
    section:
        Only the part about this, such as services or thresholds.
    """
    from opsbook.config.reference import render_markdown

    text = render_markdown()
    if section:
        parts = [f"## {part}" for part in text.split("\n## ")[1:]]
        wanted = [p for p in parts if section.lower() in p.split("\n", 1)[0].lower()]
        if not wanted:
            titles = ", ".join(p.split("\n", 1)[0].removeprefix("## ") for p in parts)
            raise NotFoundError(f"no section {section!r}", hint=f"sections: {titles}")
        text = "\n".join(wanted)
    output.result({"markdown": text}, lambda a: a["markdown"])
