"""Seven versions, each with its own fault and no other, the same commits everywhere."""

import os
import subprocess
import sys

import pytest

import versions

OWN_FILES = {
    "v3": {"VERSION", "shop/pricing.py"},
    "v4": {"VERSION", "shop/readiness.py"},
    "v5": {"VERSION", "shop/startup.py"},
    "v6": {"VERSION", "migrations/versions/0003_order_channel.py"},
    "v7": {"VERSION", "shop/pricing.py"},
}


def git(repository, *arguments):
    done = subprocess.run(
        ("git", "-C", str(repository), *arguments), check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def run(tmp_path):
    """Runs Python in the tree of one version."""

    def run_version(version, *arguments, **environment):
        versions.write_tree(version, tmp_path)
        return subprocess.run(
            (sys.executable, *arguments),
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **environment},
            capture_output=True,
            text=True,
        )

    return run_version


TOTALS = """
import asyncio
from shop import metrics, pricing
from shop.basket import Line
async def main():
    before = metrics.resident_bytes()
    calls = [pricing.total_cents([Line(1, 2, 150)]) for _ in range(100)]
    found = await asyncio.gather(*calls, return_exceptions=True)
    grown = metrics.resident_bytes() - before
    print(found.count(300), sum(isinstance(f, Exception) for f in found), grown > 4e6)
asyncio.run(main())
"""
READY = """
import asyncio
from shop import health, readiness
async def fine(): pass
async def main():
    checks = {"database": fine}
    print((await health.report(checks)).ok, (await readiness.ready(checks)).ok)
asyncio.run(main())
"""


def test_the_commits_are_the_same_everywhere(repository, tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[user]\n\tname = Other\n[core]\n\tautocrlf = true\n")
    monkeypatch.setenv("HOME", str(home))
    again = versions.build_repository(tmp_path / "again")
    assert again == {tag: git(repository, "rev-parse", tag) for tag in versions.VERSIONS}


def test_every_version_is_a_tagged_commit_on_main(repository):
    tags = git(repository, "log", "--reverse", "--format=%D", "main").split("\n")
    assert [line.split("tag: ")[1].split(",")[0] for line in tags] == list(versions.VERSIONS)
    assert git(repository, "status", "--porcelain") == ""


def test_the_version_file_says_which_it_is(repository):
    for tag in versions.VERSIONS:
        assert git(repository, "show", f"{tag}:VERSION") == tag


@pytest.mark.parametrize("tag", OWN_FILES)
def test_each_faulty_version_differs_from_v2_in_its_fault_alone(repository, tag):
    changed = set(git(repository, "diff", "--name-only", "v2", tag).split("\n"))
    assert changed == OWN_FILES[tag]


def test_v2_adds_one_migration_and_keeps_the_rest(repository):
    changed = git(repository, "diff", "--name-status", "v1", "v2").split("\n")
    added = [line.split("\t")[1] for line in changed if line.startswith("A")]
    assert added == ["migrations/versions/0002_order_note.py"]
    assert not any(line.startswith("D") for line in changed)


def test_a_directory_with_files_is_left_alone(tmp_path):
    (tmp_path / "mine").write_text("keep")
    with pytest.raises(FileExistsError):
        versions.build_repository(tmp_path)


@pytest.mark.parametrize("version", ["v1", "v2", "v4", "v6"])
def test_the_checkout_of_the_other_versions_works(run, version):
    assert run(version, "-c", TOTALS).stdout.split()[:2] == ["100", "0"]


def test_v3_fails_exactly_8_of_100_orders(run):
    assert run("v3", "-c", TOTALS).stdout.split()[:2] == ["92", "8"]


@pytest.mark.parametrize(("version", "answer"), [("v2", "True True"), ("v4", "True False")])
def test_only_v4_is_never_ready(run, version, answer):
    assert run(version, "-c", READY).stdout.strip() == answer


@pytest.mark.parametrize("process", ["api", "worker"])
def test_v5_exits_with_code_3_and_says_why(run, process):
    settings = {
        "DATABASE_URL": "postgresql://localhost/none",
        "REDIS_URL": "redis://localhost",
        "PAYMENT_URL": "http://localhost",
        "JWT_SECRET": "x" * 32,
    }
    done = run("v5", "-m", f"shop.{process}", **settings)
    assert done.returncode == 3
    assert "tax.json is missing" in done.stderr


def test_v7_is_well_until_its_time_has_come(run):
    assert run("v7", "-c", TOTALS).stdout.split() == ["100", "0", "False"]
    assert run("v7", "-c", TOTALS, SHOP_LEAK_AFTER_S="0").stdout.split() == ["0", "100", "True"]


def test_a_missing_setting_is_named_before_anything_starts(run):
    done = run("v1", "-m", "shop.api", DATABASE_URL="x", REDIS_URL="x", PORT="web")
    assert done.returncode == 2
    for problem in ("PAYMENT_URL is not set", "JWT_SECRET is not set", "PORT is not a positive"):
        assert problem in done.stderr
