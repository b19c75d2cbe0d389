"""Makes the example shop, its versions and the load client importable."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
sys.path[:0] = [str(EXAMPLES / "shop" / "base"), str(EXAMPLES / "shop"), str(EXAMPLES)]

from shop_server import ScriptedServer  # noqa: E402


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop's repository, built once."""
    import versions

    target = tmp_path_factory.mktemp("shop") / "repository"
    versions.build_repository(target)
    return target


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A small HTTP server whose every answer the test decides."""
    with ScriptedServer() as running:
        yield running
