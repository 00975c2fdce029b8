"""The state of a git repository that a change starts from: its files, and what became of their names."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

MAX_FILE = 16 * 1024 * 1024
_SECONDS = 120


class GitError(Exception):
    """What git could not answer, and what to do."""


class GitBase(msgspec.Struct, frozen=True):
    """The files below a folder at a commit by path relative to the folder, and old names of those that were renamed since.

    What was moved into the folder since is among the files, under the name that it has now. `sources` are the names in the whole
    repository that files of the folder had, by their names of now.
    """

    commit: str
    files: Mapping[str, bytes]
    renamed: Mapping[str, str]
    sources: Mapping[str, str]


class GitFolder(msgspec.Struct, frozen=True):
    """The folder that git runs in, and what its names begin with where names of files are relative to a folder above (`shop/`)."""

    path: Path
    shift: str = ""

    @classmethod
    def of(cls, root: Path, top: Path | None) -> GitFolder:
        """Make the folder of a root in whose files `top` is the repository: a repository below the root is asked itself."""
        if top is None or top == root or not top.is_relative_to(root):
            return cls(root)
        return cls(top, f"{top.relative_to(root).as_posix()}/")


def read_base(within: GitFolder, base: str, suffixes: tuple[str, ...]) -> GitBase:
    """Read the merge base of HEAD and `base`, or `base` itself where the two have none in common; raises GitError.

    Only files whose names end with one of `suffixes` are read. Names below the folder are relative to it.
    """
    folder, shift = within.path, within.shift
    named = _one_line(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{base}^{{commit}}")
    if not named:
        branch = base.removeprefix("origin/")
        raise GitError(
            f"--since {base}: unknown commit: fetch it (git fetch origin {branch}), or check out the "
            "full history"
        )
    commit = _one_line(folder, "merge-base", named, "HEAD") or named
    prefix = _one_line(folder, "rev-parse", "--show-prefix")
    renamed = _renames(folder, commit)
    sources = {new.removeprefix(prefix): old for old, new in renamed.items() if new.startswith(prefix)}
    kept = {old.removeprefix(prefix): new for new, old in sources.items() if old.startswith(prefix)}
    moved = {new: old for new, old in sources.items() if not old.startswith(prefix)}
    tree = _tree(folder, commit)
    blobs = {name.removeprefix(prefix): blob for name, blob in tree.items() if name.startswith(prefix)}
    blobs |= {new: tree[old] for new, old in moved.items() if old in tree and new not in blobs}
    wanted = {name: blob for name, blob in blobs.items() if name.lower().endswith(suffixes)}
    contents = _contents(folder, wanted)
    return GitBase(
        commit,
        {f"{shift}{name}": data for name, data in contents.items()},
        {f"{shift}{old}": f"{shift}{new}" for old, new in kept.items()},
        {f"{shift}{new}": old for new, old in sources.items()},
    )


def changed_files(within: GitFolder, commit: str) -> frozenset[str]:
    """The files below a folder, relative to it, that were added or changed since a commit; those that git does not know yet, too."""
    folder = within.path
    prefix = _one_line(folder, "rev-parse", "--show-prefix")
    changed = _git(folder, "diff", "--name-only", "-z", "-M", "--diff-filter=ACMRT", commit)
    added = _git(folder, "ls-files", "-z", "--others", "--exclude-standard", "--full-name")
    names = (changed + added).decode("utf-8", "surrogateescape").split("\0")
    inside = (name.removeprefix(prefix) for name in names if name and name.startswith(prefix))
    return frozenset(f"{within.shift}{name}" for name in inside)


def read_before(within: GitFolder, base: GitBase, names: Iterable[str]) -> dict[str, bytes]:
    """Read files below a folder as they were at the base, whatever they were called; those that were not there are left out."""
    folder = within.path
    prefix = _one_line(folder, "rev-parse", "--show-prefix")
    tree = _tree(folder, base.commit)
    former = {name: base.sources.get(name, f"{prefix}{name.removeprefix(within.shift)}") for name in names}
    return _contents(folder, {name: tree[old] for name, old in former.items() if old in tree})


def _tree(folder: Path, commit: str) -> dict[str, str]:
    """The ids of files by their names in the repository, without links and what is larger than may be read: git holds it in memory."""
    out = _git(folder, "ls-tree", "-r", "-z", "-l", "--full-tree", commit)
    found = {}
    for entry in out.decode("utf-8", "surrogateescape").split("\0"):
        head, _, name = entry.partition("\t")
        parts = head.split()
        if len(parts) == 4 and parts[1] == "blob" and parts[0] != "120000" and int(parts[3]) <= MAX_FILE:
            found[name] = parts[2]
    return found


def _contents(folder: Path, blobs: Mapping[str, str]) -> dict[str, bytes]:
    if not blobs:
        return {}
    out = _git(folder, "cat-file", "--batch", given="\n".join(blobs.values()).encode() + b"\n")
    found, at = {}, 0
    for name in blobs:
        end = out.index(b"\n", at)
        size = int(out[at:end].split()[2])
        found[name] = out[end + 1 : end + 1 + size]
        at = end + 2 + size
    return found


def _renames(folder: Path, commit: str) -> dict[str, str]:
    """The names in the repository that files have now, by their old ones."""
    out = _git(folder, "diff", "--name-status", "-z", "-M", "--diff-filter=R", commit)
    parts = out.decode("utf-8", "surrogateescape").split("\0")
    return {old: new for old, new in zip(parts[1::3], parts[2::3], strict=False) if new}


def _one_line(folder: Path, *arguments: str) -> str:
    done = _run(folder, arguments, b"")
    return done.stdout.decode("utf-8", "surrogateescape").strip() if done.returncode == 0 else ""


def _git(folder: Path, *arguments: str, given: bytes = b"") -> bytes:
    done = _run(folder, arguments, given)
    if done.returncode:
        raise GitError(f"git {arguments[0]} failed: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def _run(folder: Path, arguments: tuple[str, ...], given: bytes) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(  # noqa: S603 - the git that is installed, with arguments that cannot be options
            ["git", "-C", str(folder), *arguments],  # noqa: S607
            input=given,
            capture_output=True,
            check=False,
            timeout=_SECONDS,
        )
    except FileNotFoundError as error:
        raise GitError("--since needs git, which is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise GitError(f"git {arguments[0]} did not respond within {_SECONDS} s") from error
