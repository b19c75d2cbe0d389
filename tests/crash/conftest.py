"""Fixtures: a real project, and load on it."""

import shutil

import pytest
from tests.realproject import Load, Project


@pytest.fixture
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("p")
    made = Project(folder)
    try:
        yield made
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def load(project):
    running: list[Load] = []

    def start(rate: int = 300) -> Load:
        running.append(Load(project.url, rate=rate))
        return running[-1]

    yield start
    for item in running:
        item.close()
