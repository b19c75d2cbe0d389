"""The command line's root: every command by name, loaded when it is called.

One place turns an error into ``error:``, ``hint:`` and an exit code.
"""

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING

from opsbook.cli import options, output
from opsbook.cli.commands import NOUNS, VERBS
from opsbook.cli.help import front_page, version_line
from opsbook.errors import OpsbookError, UsageError

if TYPE_CHECKING:
    from cyclopts import App


def build_app() -> "App":
    """The command tree. Commands are import paths: only the one called is loaded."""
    from cyclopts import App

    app = App(
        name="opsbook",
        help="Runs production the way the runbook says.",
        help_epilogue=options.HELP,
        version_flags=[],
        result_action="return_value",
    )
    for name, (path, text) in VERBS.items():
        app.command(path, name=name, help=text)
    for noun, (text, commands) in NOUNS.items():
        if isinstance(commands, str):
            app.command(commands, name=noun, help=text)
            continue
        room = App(name=noun, help=text)
        for name, (path, help_text) in commands.items():
            room.command(path, name=name, help=help_text)
        app.command(room)
    return app


def main(argv: Sequence[str]) -> int:
    """Run one command; returns the exit code and never raises."""
    try:
        chosen, words = options.split(argv)
        options.use(chosen)
        return _dispatch(words)
    except OpsbookError as problem:
        output.error(problem)
        if options.current().verbose:
            traceback.print_exc()
        return problem.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output has gone (`opsbook logs | head`): nothing is wrong.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as problem:
        output.error(
            OpsbookError(
                f"{type(problem).__name__}: {problem}",
                hint="this is a defect in Opsbook; run again with -v and report the traceback",
            )
        )
        if options.current().verbose:
            traceback.print_exc()
        return OpsbookError.exit_code


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("--help", "-h", "help"):
        output.line(front_page())
        return 0
    if words[0] == "--version":
        output.line(version_line())
        return 0
    from cyclopts import CycloptsError

    app = build_app()
    try:
        code = app(words, exit_on_error=False, print_error=False)
    except CycloptsError as problem:
        raise UsageError(
            str(problem).replace("\n", " ").strip(),
            hint=f"opsbook {words[0]} --help" if not words[0].startswith("-") else "opsbook --help",
        ) from problem
    return code if isinstance(code, int) else 0


def run() -> None:
    """The console script."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main(sys.argv[1:]))


if __name__ == "__main__":
    run()
