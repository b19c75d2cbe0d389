"""Makes the example shop's git repository: one commit and one tag per version.

    python examples/shop/versions.py TARGET_DIR

v1 is `base/`; every other version is v2's tree with the files of `changes/<version>/` on top, so
that each has its own fault and no other. Author and dates are fixed: the commits have the same ids
everywhere, and no git program is needed.
"""

import shutil
import sys
from pathlib import Path

from dulwich.index import commit_tree
from dulwich.objects import Blob, Commit, ObjectID
from dulwich.refs import Ref
from dulwich.repo import Repo

HERE = Path(__file__).resolve().parent
AUTHOR, ADDRESS = "Shop", "shop@example.com"
FIRST_DATE = 1_767_258_000  # 2026-01-01 09:00 UTC; each version is an hour later
VERSIONS = {
    "v1": "Open the shop",
    "v2": "Let customers add a note to an order",
    "v3": "Look up discounts at checkout",
    "v4": "Wait for the price index before serving",
    "v5": "Read the tax table at start",
    "v6": "Remember the channel of an order",
    "v7": "Keep a history of baskets",
}


def build_repository(target: Path) -> dict[str, str]:
    """Make the repository in `target`, which must not exist or be empty; the commit of each tag.

    Raises FileExistsError.
    """
    if target.exists() and any(target.iterdir()):
        raise FileExistsError(f"{target} is not empty")
    target.mkdir(parents=True, exist_ok=True)
    commits: dict[str, str] = {}
    with Repo.init(str(target), default_branch=b"main") as repository:
        parent = None
        for number, (version, message) in enumerate(VERSIONS.items()):
            write_tree(version, target)
            parent = _commit(repository, target, message, FIRST_DATE + 3600 * number, parent)
            repository.refs[Ref(b"refs/tags/" + version.encode())] = parent
            commits[version] = parent.decode()
        repository.refs[Ref(b"refs/heads/main")] = parent
        repository.get_worktree().reset_index()
    return commits


def write_tree(version: str, target: Path) -> None:
    """Put the files of one version into `target`, in place of what is there (.git stays)."""
    for entry in target.iterdir():
        if entry.name == ".git":
            continue
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    layers = [HERE / "base"]
    if version != "v1":
        layers += [HERE / "changes" / layer for layer in dict.fromkeys(("v2", version))]
    for layer in layers:
        for source in sorted(layer.rglob("*")):
            if source.is_file() and "__pycache__" not in source.parts:
                copy = target / source.relative_to(layer)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(source.read_bytes())
                copy.chmod(0o644)


def _commit(
    repository: Repo, target: Path, message: str, date: int, parent: ObjectID | None
) -> ObjectID:
    """One commit of everything below `target`, with nobody's configuration in it."""
    entries = []
    for path in sorted(target.rglob("*")):
        inside = path.relative_to(target)
        if path.is_file() and inside.parts[0] != ".git":
            blob = Blob.from_string(path.read_bytes())
            repository.object_store.add_object(blob)
            entries.append((inside.as_posix().encode(), blob.id, 0o100644))
    commit = Commit()
    commit.tree = commit_tree(repository.object_store, entries)
    commit.parents = [parent] if parent else []
    commit.author = commit.committer = f"{AUTHOR} <{ADDRESS}>".encode()
    commit.author_time = commit.commit_time = date
    commit.author_timezone = commit.commit_timezone = 0
    commit.message = f"{message}\n".encode()
    repository.object_store.add_object(commit)
    return commit.id


def main() -> None:
    """Make the repository and print its tags."""
    if len(sys.argv) != 2:
        sys.exit("usage: python examples/shop/versions.py TARGET_DIR")
    for version, commit in build_repository(Path(sys.argv[1])).items():
        print(version, commit)


if __name__ == "__main__":
    main()
