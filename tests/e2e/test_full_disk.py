"""A full disk: one clear error, and what runs goes on serving."""

import os
import shutil
import subprocess

import pytest
from tests.realproject import Load, Project

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


@pytest.fixture
def small_disk(tmp_path_factory):
    """A disk of 300 MB of its own."""
    folder = tmp_path_factory.mktemp("disk")
    if os.geteuid() != 0:
        pytest.skip("only root can make a small disk to fill")
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300m", "tmpfs", str(folder)], capture_output=True
    )
    if made.returncode:
        pytest.skip("this machine does not let us mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def test_a_full_disk_stops_a_deployment_and_nothing_that_runs(small_disk):
    project = Project(small_disk / "p")
    load = None
    try:
        project.ok("up")
        first = project.ok("deploy", "-y")["release"]
        load = Load(project.url)
        filler = small_disk / "filler"
        project.mode("good", "next")
        with filler.open("wb") as file:
            file.write(b"x" * (shutil.disk_usage(small_disk).free - 60 * 2**20))
        called = project.call("deploy", "-y")
        assert called.code == 6 and "disk" in called.json["error"]["message"]
        with filler.open("ab") as file:
            try:
                while True:
                    file.write(b"x" * 65536)
                    file.flush()
            except OSError:
                pass
        called = project.call("deploy", "-y")
        assert called.code in (1, 6) and "disk" in called.json["error"]["message"]
        filler.unlink()
        assert project.ok("deploy", "-y")["outcome"] == "promoted"
        assert project.ok("status")["release"] != first
        seen = load.stop()
        assert seen["lost"] == 0 and seen["failed"] == 0
    finally:
        if load is not None:
            load.close()
        project.close()
