"""Makes the example shop's git repository: one commit and one tag per version.

    python examples/shop/versions.py TARGET_DIR

v1 is `base/`; every other version is v2's tree with the files of `changes/<version>/` on top, so
that each has its own fault and no other. Author and dates are fixed: the commits have the same ids
everywhere.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

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

    Raises FileExistsError, and subprocess.CalledProcessError when git fails.
    """
    if target.exists() and any(target.iterdir()):
        raise FileExistsError(f"{target} is not empty")
    target.mkdir(parents=True, exist_ok=True)
    _git(target, "init", "--quiet", "--template=")
    _git(target, "symbolic-ref", "HEAD", "refs/heads/main")
    commits = {}
    for number, (version, message) in enumerate(VERSIONS.items()):
        write_tree(version, target)
        date = f"{FIRST_DATE + 3600 * number} +0000"
        _git(target, "add", "--all", "--force", ".")
        _git(target, "commit", "--quiet", "--no-verify", "--message", message, date=date)
        commits[version] = _git(target, "rev-parse", "HEAD")
        _git(target, "tag", version)
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


def _git(target: Path, *arguments: str, date: str = "") -> str:
    # Nobody's own configuration, hooks or signing may change what is made.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    environment |= {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": AUTHOR,
        "GIT_AUTHOR_EMAIL": ADDRESS,
        "GIT_COMMITTER_NAME": AUTHOR,
        "GIT_COMMITTER_EMAIL": ADDRESS,
        "GIT_AUTHOR_DATE": date,
        "GIT_COMMITTER_DATE": date,
        "LC_ALL": "C",
    }
    if not date:
        del environment["GIT_AUTHOR_DATE"], environment["GIT_COMMITTER_DATE"]
    settings = ("-c", "core.autocrlf=false", "-c", "core.fileMode=true", "-c", "gc.auto=0")
    done = subprocess.run(
        ("git", "-C", str(target), *settings, *arguments),
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def main() -> None:
    """Make the repository and print its tags."""
    if len(sys.argv) != 2:
        sys.exit("usage: python examples/shop/versions.py TARGET_DIR")
    for version, commit in build_repository(Path(sys.argv[1])).items():
        print(version, commit)


if __name__ == "__main__":
    main()
