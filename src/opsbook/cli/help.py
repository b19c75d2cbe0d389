"""The first page of help: every command in the order of use, without loading a library."""

from opsbook import __version__
from opsbook.cli.commands import NOUNS, VERBS
from opsbook.cli.options import HELP


def front_page() -> str:
    """What ``opsbook --help`` prints."""
    width = max(len(name) for name in (*VERBS, *NOUNS))
    lines = [
        "Usage: opsbook COMMAND [OPTIONS]",
        "",
        "Runs production the way the runbook says.",
        "",
    ]
    lines.append("Every day")
    lines += [f"  {name.ljust(width)}  {text}" for name, (_, text) in VERBS.items()]
    lines += ["", "By noun"]
    for noun, (text, commands) in NOUNS.items():
        verbs = "" if isinstance(commands, str) else f" ({', '.join(commands)})"
        lines.append(f"  {noun.ljust(width)}  {text}{verbs}")
    lines += ["", "opsbook COMMAND --help says more about one.", "", *_wrapped(HELP)]
    return "\n".join(lines)


def version_line() -> str:
    """What ``opsbook --version`` prints."""
    return f"opsbook {__version__}"


def _wrapped(text: str, width: int = 88) -> list[str]:
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) + 1 > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
