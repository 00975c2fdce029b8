"""The deployment templates of files and folders: found by their schema, each with the parameters files beside it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from mmap import ACCESS_READ, mmap
from pathlib import Path

import msgspec

from nephoscope.collect.templates.arm.deployment_schema import names_parameters_schema, names_template_schema
from nephoscope_policy.arm.template import TemplateDocument, TemplateError
from nephoscope_policy.arm.text_encoding import convert_to_utf8
from nephoscope_policy.model.source_location import Place

#: Folders that hold what others made.
SKIPPED_FOLDERS = frozenset({".git", ".hg", ".svn", ".terraform", ".venv", "node_modules", "__pycache__"})
_WORKFLOWS = (".github", ".gitea", ".forgejo")
MAX_FILES = 200_000
MAX_BYTES = 16 * 1024 * 1024
HEAD = 65_536
_JSON = (".json", ".jsonc")
_LEADS_OUT = "the link leads out of the repository and is not followed: put the file itself there"
_FOLDER_LEADS_OUT = (
    "the link to a folder leads out of the repository and is not followed: put the folder itself there"
)
_TOO_LARGE = "the file of"


class RepositoryError(Exception):
    """A path that cannot be read as templates: what is wrong and what to do."""


class TemplateFile(msgspec.Struct, frozen=True):
    """A template by its path relative to the root (with `/`), and the paths of the parameters files that belong to it."""

    name: str
    parameters: tuple[str, ...] = ()


class Repository(msgspec.Struct):
    """The files below a root: templates and parameters files by relative path, each file read once.

    `overlay` holds texts by relative path that go before those on disk (a compiled template), or are all that there is where
    `on_disk` is False (another commit's). With `alone` one file is asked for, and the others are there for it. Links are followed
    below `top`, without one below the root. `compiled` holds the documents that Bicep files compile to by the names of the files, and
    `compiled_parameters` the names of compiled parameters files by that of the template that they are for.
    """

    root: Path
    overlay: Mapping[str, bytes] = msgspec.field(default_factory=dict)
    on_disk: bool = True
    top: Path | None = None
    alone: bool = False
    compiled: dict[str, TemplateDocument] = msgspec.field(default_factory=dict)
    compiled_parameters: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    _read: dict[str, bytes | None] = msgspec.field(default_factory=dict)
    _refused: dict[str, str] = msgspec.field(default_factory=dict)
    _parsed: dict[str, TemplateDocument] = msgspec.field(default_factory=dict)

    def load(self, name: str) -> bytes | None:
        """The text of a file by its relative path, in UTF-8; None where there is none inside the root, or it is refused."""
        if name in self.overlay or not self.on_disk:
            held = self.overlay.get(name)
            return None if held is None else convert_to_utf8(held)
        if name not in self._read:
            found = self._read_bytes(name)
            self._read[name] = None if found is None else convert_to_utf8(found)
        return self._read[name]

    def explain_refusal(self, name: str) -> str:
        """Return why a file that is there is not read: it is too large, or a link that leads out of the root; '' where it is read."""
        self.load(name)
        return self._refused.get(name, "")

    def has_file(self, name: str, parts: Iterable[bytes]) -> bool:
        """Return whether all parts stand in a file, however large it is."""
        data = self.load(name)
        if data is not None or not self.explain_refusal(name).startswith(_TOO_LARGE):
            return data is not None and all(part in data for part in parts)
        with (self.root / name).open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as mapped:
            return all(mapped.find(part) >= 0 for part in parts)

    def read_head(self, name: str) -> bytes:
        """Return what tells of which kind a file is: all of it, the first 64 KiB of one that is too large to be read."""
        data = self.load(name)
        if data is not None or not self.is_cut(name):
            return data or b""
        try:
            with (self.root / name).open("rb") as file:
                return convert_to_utf8(file.read(HEAD))
        except OSError:
            return b""

    def is_linked_folder(self, name: str) -> bool:
        """Return whether a name is that of a link to a folder."""
        path = self.root / name
        return self.on_disk and path.is_symlink() and path.is_dir()

    def is_cut(self, name: str) -> bool:
        """Return whether a file is too large to be read, so that its head is not all of it."""
        return self.explain_refusal(name).startswith(_TOO_LARGE)

    def _read_bytes(self, name: str) -> bytes | None:
        if name.startswith(("/", "../")) or name == ".." or "\0" in name:
            return None
        path = self.root / name
        try:
            if not path.is_file():
                if path.is_symlink() and path.is_dir() and not self._is_inside(path):
                    self._refused[name] = _FOLDER_LEADS_OUT
                return None
            size = path.stat().st_size
            if not self._is_inside(path):
                self._refused[name] = _LEADS_OUT
            elif size > MAX_BYTES:
                self._refused[name] = f"{_TOO_LARGE} {size:,} bytes exceeds {MAX_BYTES:,}: split it"
            else:
                return path.read_bytes()
        except OSError as error:
            self._refused[name] = f"the file cannot be read: {error.strerror or error}"
        return None

    def _is_inside(self, path: Path) -> bool:
        return path.resolve().is_relative_to((self.top or self.root).resolve())

    def list_file_names(self, folder: str) -> list[str]:
        """The names of the files right in a folder ('' = the root), in order; none where it is not inside the root."""
        prefix = f"{folder}/" if folder else ""
        if not self.on_disk:
            below = (name for name in self.overlay if name.startswith(prefix))
            return sorted(name for name in below if "/" not in name[len(prefix) :])
        path = self.root / folder
        try:
            if not self._is_inside(path):
                return []
            return sorted(f"{prefix}{one.name}" for one in path.iterdir())
        except OSError:
            return []

    def get_document(self, name: str) -> TemplateDocument:
        """The JSON of a file, parsed once, or what it compiles to; raises TemplateError."""
        found = self.compiled.get(name) or self._parsed.get(name)
        if found is None:
            if refusal := self.explain_refusal(name):
                raise TemplateError(Place(name, 1, 1), refusal)
            found = self._parsed[name] = TemplateDocument.parse(self.load(name) or b"", name)
        return found

    def find_parsed_document(self, name: str) -> TemplateDocument | None:
        """The JSON of a file that `get_document` has parsed."""
        return self._parsed.get(name)

    def is_template(self, name: str) -> bool:
        """Return whether a file names the schema of a deployment template."""
        return names_template_schema(self.read_head(name).decode("utf-8", "replace"))

    def is_parameters(self, name: str) -> bool:
        """Return whether a file names the schema of a parameters file."""
        return names_parameters_schema(self.read_head(name).decode("utf-8", "replace"))

    def find_templates(self, names: Iterable[str], given: Iterable[str] = ()) -> list[TemplateFile]:
        """The templates among files, in order, with the parameters files that are for them, or those `given` for all of them."""
        names = sorted(names)
        found = [
            name
            for name in names
            if (name in self.compiled and not name.lower().endswith(".bicepparam"))
            or (name.lower().endswith(_JSON) and self.is_template(name))
        ]
        chosen = tuple(given)
        if chosen:
            return [TemplateFile(name, chosen) for name in found]
        beside = [one for one in names if one.lower().endswith(_JSON) and self.is_parameters(one)]
        by_folder = _group_by_folder(beside)
        owned = {name: [*self._list_sibling_files(name, by_folder)] for name in found}
        used = {one for several in owned.values() for one in several}
        for other in (one for one in beside if one not in used):
            fitting = [
                name for name in self._find_near_templates(other, found) if self._declares(name, other)
            ]
            if len(fitting) == 1 and fitting[0] in owned:
                owned[fitting[0]].append(other)
        return [TemplateFile(name, tuple(owned[name])) for name in found]

    def _find_near_templates(self, parameters: str, found: Iterable[str]) -> set[str]:
        """The templates that a parameters file is beside, those that are not asked for too."""
        folders = {name.rpartition("/")[0] for name in found if _is_near(name, parameters)}
        listed = {
            name
            for folder in folders
            for name in self.list_file_names(folder)
            if name.lower().endswith(_JSON)
        }
        return {one for one in listed if self.is_template(one)} | {
            one for one in found if _is_near(one, parameters)
        }

    def _declares(self, template: str, parameters: str) -> bool:
        """Return whether a template declares every parameter that a file gives: Azure refuses others."""
        try:
            given, declared = (self._read_parameter_names(one) for one in (parameters, template))
        except TemplateError:
            return False
        return given <= declared

    def _read_parameter_names(self, name: str) -> set[str]:
        value = self.get_document(name).value
        held = value.get("parameters") if isinstance(value, dict) else None
        return {key.lower() for key in held} if isinstance(held, dict) else set()

    def find_unused_parameters(self, names: Iterable[str], templates: Iterable[TemplateFile]) -> list[str]:
        """The parameters files among files that are for none of the templates."""
        if self.alone:
            return []
        used = {one for template in templates for one in template.parameters}
        used |= {one for several in self.compiled_parameters.values() for one in several}
        files = sorted(name for name in names if name.lower().endswith(_JSON))
        return [name for name in files if name not in used and self.is_parameters(name)]

    def _list_sibling_files(self, name: str, by_folder: Mapping[str, Sequence[str]]) -> Iterator[str]:
        yield from self.compiled_parameters.get(name, ())
        stem = re.escape(_remove_suffix(name.rpartition("/")[2]))
        pattern = re.compile(
            rf"(?:{stem}(?:\.[\w-]+)?\.param(?:eter)?s?(?:[.-][\w-]+)?|param(?:eter)?s?\.{stem})\.jsonc?",
            re.IGNORECASE,
        )
        near = sorted(other for folder in _list_near_folders(name) for other in by_folder.get(folder, ()))
        yield from (other for other in near if pattern.fullmatch(other.rpartition("/")[2]))


def _group_by_folder(names: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(name.rpartition("/")[0], []).append(name)
    return found


def _list_near_folders(template: str) -> tuple[str, str, str]:
    """The folder of a template, and those for parameters files in it."""
    folder = template.rpartition("/")[0]
    return folder, f"{folder}/parameters".lstrip("/"), f"{folder}/params".lstrip("/")


def _is_near(template: str, parameters: str) -> bool:
    """Return whether a parameters file is beside a template, or in a folder for such files there."""
    return parameters.rpartition("/")[0] in _list_near_folders(template)


def _remove_suffix(file: str) -> str:
    return re.sub(r"\.(?:jsonc?|bicep)$", "", file, flags=re.IGNORECASE)


def open_repositories(
    targets: Iterable[Path], *, may_be_gone: bool = False
) -> list[tuple[Repository, list[str]]]:
    """The repositories around files or folders as `open_repository` opens them, with names that tell all their files apart.

    Targets that have no folder to name their files from in common are named from the one above all of them.
    """
    listed = list(targets)
    roots = [_find_root(target)[1] for target in listed]
    shared = Path(os.path.commonpath(roots)) if len({*roots}) > 1 else None
    return [open_repository(target, may_be_gone=may_be_gone, root=shared) for target in listed]


def find_repository_folder(targets: Iterable[Path]) -> str:
    """Return the folder (`infra/`) in the repository of git that names of the files of targets are relative to, '' at its root."""
    listed = list(targets)
    roots = [_find_root(target)[1] for target in listed]
    root = Path(os.path.commonpath(roots))
    top = _find_outer_folder(root, root)
    return "" if top == root else f"{root.relative_to(top).as_posix()}/"


def open_repository(
    target: Path, *, may_be_gone: bool = False, root: Path | None = None
) -> tuple[Repository, list[str]]:
    """The repository around a file or folder, with the relative names of the files that are asked for and those beside them.

    Names are relative to `root`, without it to the working folder where the target lies in it, else to the target. Raises
    RepositoryError for what is not there (with `may_be_gone` it holds no file), and for a folder with too many files.
    """
    if not target.exists() and not may_be_gone:
        raise RepositoryError(f"{target} does not exist: use a template, or a folder with templates")
    around, own = _find_root(target)
    top, root = _find_outer_folder(around, own), root or own
    prefix = around.relative_to(root).as_posix()
    if not target.exists():
        return Repository(root, top=top), []
    full = make_absolute(target)
    names = list(walk_files(around)) if target.is_dir() else [full.name, *_list_sibling_names(full)]
    return Repository(root, top=top, alone=target.is_file()), [
        name if prefix == "." else f"{prefix}/{name}" for name in names
    ]


def _find_root(target: Path) -> tuple[Path, Path]:
    """The folder that a target is, or is in, and the one that its files are named from where it is the only target."""
    full, here = make_absolute(target), Path.cwd()
    around = full if target.is_dir() else next(one for one in full.parents if one.is_dir())
    return around, _find_repository_root(here if around.is_relative_to(here) else around)


def make_absolute(path: Path) -> Path:
    """A path from the root of the disk without `..`; links in it stay."""
    return Path(os.path.normpath(path.absolute()))


def _find_repository_root(folder: Path) -> Path:
    """The folder that holds a folder of workflows (`.github`) around a folder, else the folder: workflows are known by their path."""
    parts = folder.parts
    found = next((parts.index(name) for name in _WORKFLOWS if name in parts), len(parts))
    return Path(*parts[:found])


def _find_outer_folder(around: Path, root: Path) -> Path:
    """The folder out of which no link is followed: the repository of git around a folder, without one the root."""
    return next((one for one in (around, *around.parents) if (one / ".git").exists()), root)


def _list_sibling_names(target: Path) -> Iterator[str]:
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
    """The relative paths of the files and links below a folder, in order, without what others made; no link is followed."""
    count = 0
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(one for one in folders if one not in SKIPPED_FOLDERS)
        base = Path(folder).relative_to(root).as_posix()
        linked = [one for one in folders if Path(folder, one).is_symlink()]
        for file in sorted([*files, *linked]):
            count += 1
            if count > MAX_FILES:
                raise RepositoryError(f"{root} has more than {MAX_FILES} files: scan one of its folders")
            yield file if base == "." else f"{base}/{file}"
