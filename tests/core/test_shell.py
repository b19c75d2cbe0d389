import os
import sys
import time
from pathlib import Path

import pytest

from opsbook.errors import FailedError
from opsbook.shell import group_alive, run, run_checked


def test_a_command_answers_with_its_code_and_output():
    result = run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (result.code, result.out, result.err, result.ok) == (3, "out\n", "err\n", False)


def test_a_missing_command_and_a_missing_folder_are_told_apart():
    with pytest.raises(FailedError, match="not found: no-such-command"):
        run(["no-such-command"])
    with pytest.raises(FailedError, match="not found: /no/such/folder"):
        run(["true"], cwd=Path("/no/such/folder"))


def test_a_time_out_ends_the_whole_group_even_when_it_ignores_term(tmp_path):
    pid_file = tmp_path / "pid"
    script = f"trap '' TERM; echo $$ > {pid_file}; sleep 60 & sleep 60"
    started = time.monotonic()
    result = run(["sh", "-c", script], timeout_s=0.5)
    assert result.timed_out and not result.ok
    assert time.monotonic() - started < 10
    assert not group_alive(int(pid_file.read_text()))


def test_a_failure_that_must_not_pass_shows_the_last_lines():
    with pytest.raises(FailedError, match="exited with 2: because"):
        run_checked([sys.executable, "-c", "import sys; sys.exit(print('because') or 2)"])


def test_input_goes_to_standard_input_and_nothing_else_is_inherited():
    result = run(["cat"], input_text="hello", env={"PATH": os.environ["PATH"]})
    assert result.out == "hello"
