"""The deployment templates of files and folders: found by their schema, each with the parameters files beside it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from nephoscope_policy.arm.template import TemplateDocument

#: Folders that hold what others made.
SKIPPED_FOLDERS = frozenset({".git", ".hg", ".svn", ".terraform", ".venv", "node_modules", "__pycache__"})
MAX_FILES = 200_000
MAX_BYTES = 16 * 1024 * 1024
_HEAD = 65_536
_TEMPLATE = re.compile(rb"schema\"?\s*:\s*\"[^\"]*/[A-Za-z]*deploymentTemplate\.json", re.IGNORECASE)
_PARAMETERS = re.compile(rb"schema\"?\s*:\s*\"[^\"]*/[A-Za-z]*deploymentParameters\.json", re.IGNORECASE)


class RepositoryError(Exception):
    """A path that cannot be read as templates: what is wrong and what to do."""


class TemplateFile(msgspec.Struct, frozen=True):
    """A template by its path relative to the root (with `/`), and the paths of the parameters files that belong to it."""

    name: str
    parameters: tuple[str, ...] = ()


class Repository(msgspec.Struct):
    """The files below a root: templates and parameters files by relative path, each file read once.

    `overlay` holds texts by relative path that go before those on disk (a compiled template), or are all that there is where
    `on_disk` is False (another commit's). `compiled` holds the documents that Bicep files compile to by the names of the files, and
    `compiled_parameters` the names of compiled parameters files by that of the template that they are for.
    """

    root: Path
    overlay: Mapping[str, bytes] = msgspec.field(default_factory=dict)
    on_disk: bool = True
    compiled: dict[str, TemplateDocument] = msgspec.field(default_factory=dict)
    compiled_parameters: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    _read: dict[str, bytes | None] = msgspec.field(default_factory=dict)
    _parsed: dict[str, TemplateDocument] = msgspec.field(default_factory=dict)

    def load(self, name: str) -> bytes | None:
        """The bytes of a file by its relative path; None where there is none inside the root, or it is too large."""
        if name in self.overlay or not self.on_disk:
            return self.overlay.get(name)
        if name not in self._read:
            self._read[name] = self._bytes(name)
        return self._read[name]

    def _bytes(self, name: str) -> bytes | None:
        if name.startswith(("/", "../")) or name == ".." or "\0" in name:
            return None
        path = self.root / name
        try:
            inside = path.resolve().is_relative_to(self.root.resolve())
            if not inside or not path.is_file() or path.stat().st_size > MAX_BYTES:
                return None
            return path.read_bytes()
        except OSError:
            return None

    def names_in(self, folder: str) -> list[str]:
        """The names of the files right in a folder ('' = the root), in order; none where it is not inside the root."""
        prefix = f"{folder}/" if folder else ""
        if not self.on_disk:
            below = (name for name in self.overlay if name.startswith(prefix))
            return sorted(name for name in below if "/" not in name[len(prefix) :])
        path = self.root / folder
        try:
            if not path.resolve().is_relative_to(self.root.resolve()):
                return []
            return sorted(f"{prefix}{one.name}" for one in path.iterdir())
        except OSError:
            return []

    def document(self, name: str) -> TemplateDocument:
        """The JSON of a file, parsed once, or what it compiles to; raises TemplateError."""
        found = self.compiled.get(name) or self._parsed.get(name)
        if found is None:
            found = self._parsed[name] = TemplateDocument.parse(self.load(name) or b"", name)
        return found

    def parsed(self, name: str) -> TemplateDocument | None:
        """The JSON of a file that `document` has parsed."""
        return self._parsed.get(name)

    def is_template(self, name: str) -> bool:
        """Return whether a file's head names the schema of a deployment template."""
        return _TEMPLATE.search((self.load(name) or b"")[:_HEAD]) is not None

    def is_parameters(self, name: str) -> bool:
        """Return whether a file's head names the schema of a parameters file."""
        return _PARAMETERS.search((self.load(name) or b"")[:_HEAD]) is not None

    def templates(self, names: Iterable[str], given: Iterable[str] = ()) -> list[TemplateFile]:
        """The templates among files, in order, with the parameters files beside them, or those `given` for all of them."""
        names = sorted(names)
        chosen = tuple(given)
        beside = [] if chosen else [name for name in names if "param" in name.lower()]
        found = [
            name
            for name in names
            if (name in self.compiled and not name.endswith(".bicepparam"))
            or (name.endswith((".json", ".jsonc")) and self.is_template(name))
        ]
        return [TemplateFile(name, chosen or tuple(self._beside(name, beside))) for name in found]

    def _beside(self, name: str, names: Iterable[str]) -> Iterator[str]:
        yield from self.compiled_parameters.get(name, ())
        folder, _, file = name.rpartition("/")
        stem = re.escape(_suffixless(file))
        pattern = re.compile(
            rf"(?:{stem}(?:\.[\w-]+)?\.param(?:eter)?s?(?:[.-][\w-]+)?|param(?:eter)?s?\.{stem})\.jsonc?",
            re.IGNORECASE,
        )
        for other in names:
            where, _, last = other.rpartition("/")
            near = where in (folder, f"{folder}/parameters".lstrip("/"), f"{folder}/params".lstrip("/"))
            if near and pattern.fullmatch(last) and self.is_parameters(other):
                yield other


def _suffixless(file: str) -> str:
    return re.sub(r"\.(?:jsonc?|bicep)$", "", file)


def open_repository(target: Path) -> tuple[Repository, list[str]]:
    """The repository around a file or folder, with the relative names of the files that are asked for and those beside them.

    Names are relative to the working folder where the target lies in it, else to the target. Raises RepositoryError for what is not
    there, and for a folder with too many files.
    """
    if not target.exists():
        raise RepositoryError(f"{target} does not exist: use a template, or a folder with templates")
    full, here = target.absolute(), Path.cwd()
    around = full if target.is_dir() else full.parent
    root = here if around.is_relative_to(here) else around
    prefix = around.relative_to(root).as_posix()
    names = list(walk_files(around)) if target.is_dir() else [full.name, *_beside_file(full)]
    return Repository(root), [name if prefix == "." else f"{prefix}/{name}" for name in names]


def _beside_file(target: Path) -> Iterator[str]:
    """The names of what may be parameters files of a template, and of the template that a Bicep file compiles to."""
    compiled = target.with_suffix(".json")
    if target.suffix == ".bicep" and compiled.is_file():
        yield compiled.name
    if target.suffix in (".json", ".tfplan"):
        yield from (one.name for one in sorted(target.parent.glob("*.tf")))
    if target.suffix == ".bicep":
        yield from (one.name for one in sorted(target.parent.glob("*.bicepparam")))
    for folder in ("", "parameters/", "params/"):
        for one in sorted((target.parent / folder).glob("*.json*")):
            if "param" in one.name.lower() and one != target:
                yield f"{folder}{one.name}"


def walk_files(root: Path) -> Iterator[str]:
    """The relative paths of the files below a folder, in order, without what others made; symbolic links are not followed."""
    count = 0
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(one for one in folders if one not in SKIPPED_FOLDERS)
        base = Path(folder).relative_to(root).as_posix()
        for file in sorted(files):
            count += 1
            if count > MAX_FILES:
                raise RepositoryError(f"{root} has more than {MAX_FILES} files: scan one of its folders")
            yield file if base == "." else f"{base}/{file}"
