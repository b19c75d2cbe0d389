"""Every bad file gives exactly the expected lines; every good file gives none."""

from pathlib import Path

import pytest

from opsbook.config import ConfigProblems, check, load

CASES = Path(__file__).parent.parent / "cases" / "config"
BAD = sorted((CASES / "bad").glob("*.yaml"))
GOOD = sorted((CASES / "good").glob("*.yaml"))
ENVIRON = {"DATABASE_URL": "postgres://shop@db/shop", "REDIS_URL": "redis://cache"}


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_file_gives_all_its_problems(path: Path) -> None:
    lines = [str(problem) for problem in check(path, environ={})]
    assert lines == path.with_suffix(".expected").read_text().splitlines()


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_file_with_errors_does_not_load(path: Path) -> None:
    errors = [p for p in check(path, environ={}) if p.severity == "error"]
    if not errors:
        load(path, environ={})
        return
    with pytest.raises(ConfigProblems) as caught:
        load(path, environ={})
    assert caught.value.problems
    assert all(problem.severity == "error" for problem in caught.value.problems)


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_file_has_no_problem(path: Path) -> None:
    assert [str(problem) for problem in check(path, environ=ENVIRON)] == []


def test_there_are_enough_bad_files() -> None:
    assert len(BAD) >= 40


def test_a_missing_file_is_one_clear_problem(tmp_path: Path) -> None:
    (problem,) = check(tmp_path / "opsbook.yaml")
    assert "no such file" in problem.message
    assert "opsbook init" in problem.hint


def test_a_folder_is_one_clear_problem(tmp_path: Path) -> None:
    (problem,) = check(tmp_path)
    assert "folder" in problem.message


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "opsbook.yaml"
    path.write_text("# x\n" * 300_000)
    (problem,) = check(path)
    assert "1 MB" in problem.message


def test_deep_nesting_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "opsbook.yaml"
    path.write_text("project: " + "[" * 20_000)
    assert check(path)


def test_a_problem_shows_itself_as_line_and_as_json() -> None:
    problem = check(CASES / "bad" / "unknown-key.yaml")[0]
    assert str(problem).startswith("unknown-key.yaml:5 services.api.instanses: ")
    assert problem.as_dict()["line"] == 5
    assert set(problem.as_dict()) == {"severity", "path", "line", "where", "message", "hint"}
