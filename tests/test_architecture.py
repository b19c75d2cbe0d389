"""The house rules that a tool can check: sizes, names, where exceptions are caught."""

import ast
import importlib
import pkgutil
from pathlib import Path

import opsbook
from opsbook.durable import workflow_names

SOURCE = Path(opsbook.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
MAX_FILE_LINES = 420
MAX_FUNCTION_LINES = 60
WORKFLOWS = ("deploys.deploy",)
SURFACES = {"durable.py", "daemon.py", "cli/main.py", "web/render.py", "supervision/shim.py"}


def test_files_and_functions_stay_small():
    large = [f"{p.relative_to(SOURCE)}: {n}" for p in FILES if (n := lines(p)) > MAX_FILE_LINES]
    long = [
        f"{path.relative_to(SOURCE)}:{node.name}"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= MAX_FUNCTION_LINES
    ]
    assert not large and not long


def test_no_room_is_called_utils_helpers_or_manager():
    names = {path.stem for path in FILES} | {path.parent.name for path in FILES}
    classes = {
        node.name
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    }
    assert not names & {"utils", "helpers", "common", "misc"}
    assert not [name for name in classes if name.endswith(("Manager", "Helper", "Handler"))]


def test_blind_exceptions_are_caught_at_the_surfaces_only():
    found = {
        str(path.relative_to(SOURCE))
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and isinstance(node.type, ast.Name)
        and node.type.id in ("Exception", "BaseException")
        # Cleaning up and raising again hides nothing.
        and not isinstance(node.body[-1], ast.Raise)
    }
    assert found - SURFACES == set()


def test_workflows_keep_their_names():
    for module in pkgutil.walk_packages(opsbook.__path__, "opsbook."):
        if module.name.endswith(".workflows"):
            importlib.import_module(module.name)
    known = [name for name in workflow_names() if not name.startswith("tests.")]
    assert tuple(known) == WORKFLOWS, "names live in the database: add here, never rename"


def test_every_module_says_what_it_is_for():
    silent = [str(p.relative_to(SOURCE)) for p in FILES if not ast.get_docstring(tree(p))]
    assert not silent


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())
