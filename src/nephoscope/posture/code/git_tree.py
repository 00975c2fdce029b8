"""The files of a git repository at a commit: those of its submodules are among them, and links lead to the files they name."""

from __future__ import annotations

import posixpath
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from nephoscope.posture.code.git_command import GitError, ask_git, list_git, run_git

MAX_FILE = 16 * 1024 * 1024
#: Links that lead to links are followed so far, and folders that are linked add so many names at most.
_MAX_LINKS = 8
_MAX_LINKED = 200_000


class GitPart(msgspec.Struct, frozen=True):
    """A repository at a commit or tree: the one that is asked, or a submodule of it at `prefix` (`modules/network/`)."""

    folder: Path
    prefix: str
    commit: str


class GitBlob(msgspec.Struct, frozen=True):
    """Names the content of a file by its id in the repository of a folder."""

    folder: Path
    id: str


class _Entries(msgspec.Struct):
    """The entries of a tree by name: files, links, and the commits of submodules."""

    files: dict[str, str] = msgspec.field(default_factory=dict)
    links: dict[str, str] = msgspec.field(default_factory=dict)
    submodules: dict[str, str] = msgspec.field(default_factory=dict)


def list_parts(folder: Path, commit: str) -> list[GitPart]:
    """List the repository around a folder at a commit, and each submodule that is checked out there at the commit that it had then.

    A submodule that is new since is listed at the empty tree. Raises GitError where the former commit of a submodule is not there.
    """
    top = Path(ask_git(folder, "rev-parse", "--show-toplevel") or folder)
    return [GitPart(top, "", commit), *_list_submodules(top, "", commit)]


def _list_submodules(top: Path, prefix: str, commit: str) -> Iterator[GitPart]:
    staged = (entry.partition("\t") for entry in list_git(top, "ls-files", "-s", "-z"))
    names = [name for head, _, name in staged if head.startswith("160000")]
    then = _read_entries(top, commit).submodules if names else {}
    for name in names:
        folder, inside = top / name, f"{prefix}{name}/"
        if not (folder / ".git").exists():
            continue
        former = then.get(name) or run_git(folder, "hash-object", "-t", "tree", "--stdin").decode().strip()
        if name in then and not ask_git(folder, "rev-parse", "--verify", "--quiet", f"{former}^{{commit}}"):
            raise GitError(
                f"--since: the submodule {prefix}{name} was at {former}, which is not there: fetch it (git -C "
                f"{prefix}{name} fetch origin {former}), or check out the full history of submodules"
            )
        yield GitPart(folder, inside, former)
        yield from _list_submodules(folder, inside, former)


def read_tree(parts: list[GitPart]) -> dict[str, GitBlob]:
    """Read the files of parts by their names in the outermost repository, without what is too large: git holds it in memory.

    A link to a file, and each file below a linked folder, is what it leads to within the part.
    """
    found: dict[str, GitBlob] = {}
    for part in parts:
        entries = _read_entries(part.folder, part.commit)
        files = {name: GitBlob(part.folder, blob) for name, blob in entries.files.items()}
        links = {name: GitBlob(part.folder, blob) for name, blob in entries.links.items()}
        files |= _follow_links(
            files, {name: data.decode("utf-8", "surrogateescape") for name, data in read_blobs(links).items()}
        )
        found |= {f"{part.prefix}{name}": blob for name, blob in files.items()}
    return found


def read_blobs(blobs: Mapping[str, GitBlob]) -> dict[str, bytes]:
    """Read what files hold, by the same names."""
    names: defaultdict[Path, list[str]] = defaultdict(list)
    for name, blob in blobs.items():
        names[blob.folder].append(name)
    found: dict[str, bytes] = {}
    for folder, listed in names.items():
        wanted = "\n".join(blobs[name].id for name in listed).encode() + b"\n"
        out, at = run_git(folder, "cat-file", "--batch", given=wanted), 0
        for name in listed:
            end = out.index(b"\n", at)
            size = int(out[at:end].split()[2])
            found[name] = out[end + 1 : end + 1 + size]
            at = end + 2 + size
    return found


def _read_entries(folder: Path, commit: str) -> _Entries:
    found = _Entries()
    for entry in list_git(folder, "ls-tree", "-r", "-z", "-l", "--full-tree", commit):
        head, _, name = entry.partition("\t")
        match head.split():
            case ["160000", _, sha, _]:
                found.submodules[name] = sha
            case ["120000", _, sha, _]:
                found.links[name] = sha
            case [_, "blob", sha, size] if int(size) <= MAX_FILE:
                found.files[name] = sha
    return found


def _follow_links(files: Mapping[str, GitBlob], targets: Mapping[str, str]) -> dict[str, GitBlob]:
    """Return the files that links lead to, by the names that the links give them."""
    ends = {name: posixpath.normpath(f"{posixpath.dirname(name)}/{to}") for name, to in targets.items()}
    ends = {name: end.lstrip("/") for name, end in ends.items() if not targets[name].startswith("/")}
    ordered, found = sorted(files), dict[str, GitBlob]()
    for link, end in ends.items():
        for _ in range(_MAX_LINKS):
            end = ends.get(end, end)
        if end in files:
            found[link] = files[end]
        elif not link.startswith(f"{end}/") and len(found) < _MAX_LINKED:
            found |= {
                f"{link}/{rest}": files[f"{end}/{rest}"] for rest in _iterate_names_below(ordered, f"{end}/")
            }
    return found


def _iterate_names_below(ordered: list[str], folder: str) -> Iterator[str]:
    for place in range(bisect_left(ordered, folder), len(ordered)):
        if not ordered[place].startswith(folder):
            return
        yield ordered[place].removeprefix(folder)
