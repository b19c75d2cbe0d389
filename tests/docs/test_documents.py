"""Documents that say what is true."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from opsbook.cli.commands import NOUNS, VERBS
from opsbook.config import check

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_the_readme_is_short():
    assert len(README.splitlines()) < 120


def test_every_command_the_documents_name_exists():
    pages = [README, *(page.read_text() for page in (ROOT / "docs").rglob("*.md"))]
    for page in pages:
        for name in re.findall(r"`(?:\.venv/bin/)?opsbook ([a-z]+)", page):
            assert name in VERBS or name in NOUNS, name


def test_every_make_target_the_documents_name_exists():
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for page in (README, (ROOT / "CONTRIBUTING.md").read_text()):
        for name in re.findall(r"\bmake ([a-z]+)\b", page):
            assert name in targets, name


def test_every_link_leads_somewhere():
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
            if "://" not in target and not target.startswith("mailto:"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_readmes_ops_file_passes_check(tmp_path):
    text = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)[0]
    (tmp_path / "opsbook.yaml").write_text(text)
    errors = [p for p in check(tmp_path / "opsbook.yaml") if p.severity == "error"]
    assert not errors


def test_the_shops_ops_file_passes_check(tmp_path):
    text = (ROOT / "examples" / "shop" / "opsbook.yaml").read_text()
    (tmp_path / "opsbook.yaml").write_text(text)
    (tmp_path / "shop").mkdir()
    problems = check(tmp_path / "opsbook.yaml", environ={"PAYMENT_URL": "http://127.0.0.1:1"})
    assert not [p for p in problems if p.severity == "error"]


@pytest.mark.parametrize("words", [["--help"], ["deploy", "--help"], ["release", "--help"]])
def test_help_is_there(words):
    done = subprocess.run(
        [sys.executable, "-m", "opsbook.cli.main", *words], capture_output=True, text=True
    )
    assert done.returncode == 0 and "Usage: opsbook" in done.stdout


def test_every_command_can_be_loaded_and_explains_itself():
    commands = [path for path, _ in VERBS.values()]
    for _, entry in NOUNS.values():
        commands += [entry] if isinstance(entry, str) else [path for path, _ in entry.values()]
    for path in commands:
        module, _, name = path.partition(":")
        function = getattr(__import__(module, fromlist=[name]), name)
        assert function.__doc__, path
