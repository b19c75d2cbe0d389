"""From a revision to a tree of files that never changes again.

A git source is exported at one commit; a plain folder is copied as it is now. Trees
are shared by all releases with the same source, commit and build commands.
"""

import hashlib
import os
import shutil
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dulwich.errors import MissingCommitError, NotCommitError, NotGitRepository
from dulwich.object_store import iter_tree_contents, tree_lookup_path
from dulwich.objectspec import parse_commit
from dulwich.refs import Ref
from dulwich.repo import Repo

from opsbook.errors import FailedError, NotFoundError
from opsbook.shell import run

_IGNORED = shutil.ignore_patterns(".git", ".opsbook", "__pycache__", ".venv", "node_modules")


@dataclass(frozen=True)
class Revision:
    """What a source resolves to: a commit, or the digest of a plain folder."""

    source: Path
    commit: str
    is_git: bool

    @property
    def short(self) -> str:
        return self.commit[:7]


def resolve(source: Path, ref: str) -> Revision:
    """Find the commit that ``ref`` names; empty means HEAD, or the folder as it stands.

    Raises NotFoundError for a folder or revision that does not exist.
    """
    if not source.is_dir():
        raise NotFoundError(
            f"no such folder: {source}", hint="set `source:` of the service to its code"
        )
    opened = _open(source)
    if opened is None:
        if ref:
            raise NotFoundError(
                f"{source} is no git repository, so it has no revision {ref!r}",
                hint="deploy without a revision, or point `source:` at a repository",
            )
        return Revision(source, _folder_digest(source), is_git=False)
    name = ref or "HEAD"
    repository, _ = opened
    try:
        commit = parse_commit(repository, name).id.decode()
    except (KeyError, ValueError, MissingCommitError, NotCommitError) as error:
        raise NotFoundError(
            f"no revision {name!r} in {source}", hint=_suggest(repository), subject="deploy"
        ) from error
    finally:
        repository.close()
    return Revision(source, commit, is_git=True)


def known(source: Path, commit: str) -> Revision:
    """The revision of a commit that was resolved before, be it of git or of a plain folder."""
    return Revision(source, commit, is_git=_open(source) is not None)


def export(revision: Revision, target: Path) -> None:
    """Write the tree to ``target``, all or nothing; an existing target is left alone.

    Raises FailedError when the disk is full or git fails.
    """
    if target.exists():
        return
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        if revision.is_git:
            _export_git(revision, partial)
        else:
            shutil.copytree(revision.source, partial, ignore=_IGNORED, symlinks=True)
        partial.rename(target)
    except OSError as error:
        raise FailedError(
            f"cannot write the release: {error.strerror or error}",
            hint="free some space; nothing was changed",
            subject=str(target),
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def build(
    tree: Path, commands: Sequence[str], *, env: Mapping[str, str], log: Path, timeout_s: float
) -> None:
    """Run the build commands in the tree, once; output goes to ``log``.

    Raises FailedError with the last lines of the command that failed. A finished
    build leaves a mark, so that building again does nothing.
    """
    mark = tree / ".opsbook-built"
    key = hashlib.sha256("\0".join(commands).encode()).hexdigest()
    if mark.is_file() and mark.read_text() == key:
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as out:
        for command in commands:
            result = run(
                ["/bin/sh", "-ec", command], cwd=tree, env=env, timeout_s=timeout_s, merge=True
            )
            out.write(f"$ {command}\n{result.out}")
            if not result.ok:
                tail = " | ".join(result.out.strip().splitlines()[-3:]) or "no output"
                why = "did not end in time" if result.timed_out else f"exited with {result.code}"
                raise FailedError(
                    f"the build {why}: {command}: {tail}",
                    hint=f"the whole output is in {log}",
                    subject="build",
                )
    mark.write_text(key)


def _export_git(revision: Revision, target: Path) -> None:
    opened = _open(revision.source)
    if opened is None:
        raise NotFoundError(f"{revision.source} is no git repository any more")
    repository, inside = opened
    try:
        tree = repository[revision.commit.encode()].tree  # type: ignore[attr-defined]
        if inside != b".":
            tree = tree_lookup_path(repository.object_store.__getitem__, tree, inside)[1]
        target.mkdir(parents=True)
        for entry in iter_tree_contents(repository.object_store, tree):
            _write(
                target / os.fsdecode(entry.path), entry.mode, repository[entry.sha].as_raw_string()
            )
    except KeyError as error:
        raise FailedError(
            f"commit {revision.short} is incomplete: {error}",
            hint="run `git fsck` there, or fetch again",
            subject=str(revision.source),
        ) from error
    finally:
        repository.close()


def _write(path: Path, mode: int, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if stat.S_ISLNK(mode):
        path.symlink_to(os.fsdecode(content))
        return
    path.write_bytes(content)
    path.chmod(0o755 if mode & 0o100 else 0o644)


def _open(source: Path) -> tuple[Repo, bytes] | None:
    """The repository that tracks ``source``, and the folder's path inside it."""
    try:
        repository = Repo.discover(str(source))
    except NotGitRepository:
        return None
    inside = os.fsencode(os.path.relpath(source.resolve(), Path(repository.path).resolve()))
    if inside == b".":
        return repository, inside
    # A folder that merely lies inside somebody's repository, untracked, is a plain folder.
    try:
        head = repository[repository.head()]
        tree_lookup_path(repository.object_store.__getitem__, head.tree, inside)  # type: ignore[attr-defined]
    except KeyError:
        repository.close()
        return None
    return repository, inside


def _suggest(repository: Repo) -> str:
    tags = sorted(os.fsdecode(name) for name in repository.refs.as_dict(Ref(b"refs/tags")))
    return f"known tags: {', '.join(tags[-5:])}" if tags else "see `git log --oneline`"


def _folder_digest(source: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(source.rglob("*")):
        parts = path.relative_to(source).parts
        if any(
            part in (".git", ".opsbook", "__pycache__", ".venv", "node_modules") for part in parts
        ):
            continue
        if path.is_file() and not path.is_symlink():
            digest.update("/".join(parts).encode() + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:40]
