"""The state of a git repository that a change starts from: its files, and what became of their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from nephoscope.posture.code.git_command import GitError, ask_git, list_git, run_git
from nephoscope.posture.code.git_tree import GitPart, list_parts, read_blobs, read_tree


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
    commit = find_base_commit(folder, base)
    prefix = ask_git(folder, "rev-parse", "--show-prefix")
    parts = list_parts(folder, commit)
    renamed = _map_renames(parts)
    sources = {new.removeprefix(prefix): old for old, new in renamed.items() if new.startswith(prefix)}
    kept = {old.removeprefix(prefix): new for new, old in sources.items() if old.startswith(prefix)}
    moved = {new: old for new, old in sources.items() if not old.startswith(prefix)}
    tree = read_tree(parts)
    blobs = {name.removeprefix(prefix): blob for name, blob in tree.items() if name.startswith(prefix)}
    blobs |= {new: tree[old] for new, old in moved.items() if old in tree and new not in blobs}
    wanted = {name: blob for name, blob in blobs.items() if name.lower().endswith(suffixes)}
    contents = read_blobs(wanted)
    return GitBase(
        commit,
        {f"{shift}{name}": data for name, data in contents.items()},
        {f"{shift}{old}": f"{shift}{new}" for old, new in kept.items()},
        {f"{shift}{new}": old for new, old in sources.items()},
    )


def find_base_commit(folder: Path, base: str) -> str:
    """Find the merge base of HEAD and `base`, or `base` itself where the two have none in common; raises GitError."""
    named = ask_git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{base}^{{commit}}")
    if not named:
        branch = base.removeprefix("origin/")
        raise GitError(
            f"--since {base}: unknown commit: fetch it (git fetch origin {branch}), or check out the "
            "full history"
        )
    return ask_git(folder, "merge-base", named, "HEAD") or named


def read_file_at(folder: Path, commit: str, name: str) -> bytes | None:
    """Read a file of a repository at a commit, by its path from the folder; None where there is none."""
    if not ask_git(folder, "cat-file", "-t", f"{commit}:./{name}"):
        return None
    return run_git(folder, "cat-file", "blob", f"{commit}:./{name}")


def list_changed_files(within: GitFolder, commit: str) -> frozenset[str]:
    """The files below a folder, relative to it, that were added or changed since a commit; those that git does not know yet, too."""
    folder = within.path
    prefix = ask_git(folder, "rev-parse", "--show-prefix")
    names = (f"{part.prefix}{name}" for part in list_parts(folder, commit) for name in _list_changes(part))
    return frozenset(
        f"{within.shift}{name.removeprefix(prefix)}" for name in names if name.startswith(prefix)
    )


def read_at_base(within: GitFolder, base: GitBase, names: Iterable[str]) -> dict[str, bytes]:
    """Read files below a folder as they were at the base, whatever they were called; those that were not there are left out."""
    folder = within.path
    prefix = ask_git(folder, "rev-parse", "--show-prefix")
    tree = read_tree(list_parts(folder, base.commit))
    former = {name: base.sources.get(name, f"{prefix}{name.removeprefix(within.shift)}") for name in names}
    return read_blobs({name: tree[old] for name, old in former.items() if old in tree})


def _list_changes(part: GitPart) -> list[str]:
    options = ("-z", "-M", "--diff-filter=ACMRT", "--ignore-submodules=all")
    changed = list_git(part.folder, "diff", "--name-only", *options, part.commit)
    added = list_git(part.folder, "ls-files", "-z", "--others", "--exclude-standard", "--full-name")
    return [name for name in (*changed, *added) if name]


def _map_renames(parts: Iterable[GitPart]) -> dict[str, str]:
    """The names in the repository that files have now, by their old ones."""
    found: dict[str, str] = {}
    for part in parts:
        options = ("-z", "-M", "--diff-filter=R", "--ignore-submodules=all")
        names = list_git(part.folder, "diff", "--name-status", *options, part.commit)
        pairs = zip(names[1::3], names[2::3], strict=False)
        found |= {f"{part.prefix}{old}": f"{part.prefix}{new}" for old, new in pairs if new}
    return found
