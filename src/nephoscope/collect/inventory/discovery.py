"""Readers of packages are found by scanning this folder: a module with TITLE, PATTERNS or MAGIC, and `read(file)`.

PATTERNS are the paths that a reader claims, relative to the root: `*` is any text within a part, `**/` any folders. MAGIC are the
first bytes of the files that it claims wherever they stand. `read` gives the packages and raises UnreadableInventoryError;
single entries that are no packages it leaves out by `file.leave_out`. MAX_SIZE bounds the bytes of a file where the general bound
does not fit.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TypeAlias

import msgspec

import nephoscope.collect.inventory as package
from nephoscope.collect.inventory.formats.untyped_values import WrongShapeError
from nephoscope.collect.inventory.inventory_file import InventoryFile, SetAside
from nephoscope.model.derived_values import SourceFolder, derive_value
from nephoscope.model.package import Package

#: The bytes of a file's beginning that claims are judged by.
HEAD = 16
#: Files of more bytes are not read, where the reader has no MAX_SIZE of its own.
MAX_SIZE = 64_000_000
#: The most packages of one file.
MAX_PACKAGES = 500_000


class ReaderModuleError(Exception):
    """A module in this folder that is half a reader."""


class InventoryReader(msgspec.Struct, frozen=True):
    """A module that reads one kind of file: what it claims and how large a file of it may be. It is loaded where it reads one."""

    name: str
    title: str
    patterns: tuple[str, ...]
    magic: tuple[bytes, ...]
    max_size: int

    def read(self, file: InventoryFile) -> Iterable[Package]:
        """Give the packages of a file; raises UnreadableInventoryError."""
        found: Iterable[Package] = importlib.import_module(f"{package.__name__}.{self.name}").read(file)
        return found


class InventoryReading(msgspec.Struct, frozen=True):
    """The packages that a reader read in a file, and the entries that it set aside."""

    reader: str
    packages: tuple[Package, ...]
    set_aside: tuple[SetAside, ...] = ()


@cache
def load_inventory_readers() -> dict[str, InventoryReader]:
    """Return every reader by its name; raises ReaderModuleError."""
    folder = SourceFolder(str(Path(__file__).parent))
    return derive_value(__name__, [folder], dict[str, InventoryReader], _load_readers)


def _load_readers() -> dict[str, InventoryReader]:
    """Load every module of the folder, and return what those that are readers claim."""
    import pkgutil

    found = {}
    for info in pkgutil.iter_modules(package.__path__):
        if info.ispkg:
            continue
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        if not hasattr(module, "TITLE"):
            continue
        patterns, magic = getattr(module, "PATTERNS", ()), getattr(module, "MAGIC", ())
        if not hasattr(module, "read") or not (patterns or magic):
            raise ReaderModuleError(f"{module.__name__} has TITLE but no read, or neither PATTERNS nor MAGIC")
        size = getattr(module, "MAX_SIZE", MAX_SIZE)
        found[info.name] = InventoryReader(info.name, module.TITLE, patterns, magic, size)
    return found


#: The name of a reader with the pattern of paths that it claims.
_Claim: TypeAlias = tuple[str, str]
_NO_CLAIMS: list[_Claim] = []
_NONE: set[str] = set()


class _Claims:
    """The patterns of all readers, by the last part of the paths that they claim: most paths meet none of them."""

    def __init__(self) -> None:
        self._by_name: dict[str, list[_Claim]] = {}
        self._by_ending: dict[str, list[_Claim]] = {}
        self._by_beginning: dict[str, list[_Claim]] = {}
        self._by_folder: dict[str, list[_Claim]] = {}
        for reader in load_inventory_readers().values():
            for pattern in reader.patterns:
                known, key = self._find_claims(pattern)
                known.setdefault(key, []).append((reader.name, pattern))
        self._endings, self._beginnings = tuple(self._by_ending), tuple(self._by_beginning)
        self.magic = tuple(reader for reader in load_inventory_readers().values() if reader.magic)

    def _find_claims(self, pattern: str) -> tuple[dict[str, list[_Claim]], str]:
        folder, _, last = pattern.rpartition("/")
        within = folder.rpartition("/")[2]
        if "*" in last and within and "*" not in within:  # many files end alike, few stand in such a folder
            return self._by_folder, within
        if last.endswith("*"):
            return self._by_beginning, last.partition("*")[0]
        return (self._by_ending, last.rpartition("*")[2]) if "*" in last else (self._by_name, last)

    def match_readers(self, path: str) -> set[str]:
        """Return the names of the readers that claim a path."""
        folder, _, name = path.rpartition("/")
        candidates = self._by_name.get(name, _NO_CLAIMS)
        if name.endswith(self._endings):
            ended = (claims for ending, claims in self._by_ending.items() if name.endswith(ending))
            candidates = [*candidates, *(claim for claims in ended for claim in claims)]
        if name.startswith(self._beginnings):
            begun = (claims for text, claims in self._by_beginning.items() if name.startswith(text))
            candidates = [*candidates, *(claim for claims in begun for claim in claims)]
        if in_folder := self._by_folder.get(folder.rpartition("/")[2]):
            candidates = [*candidates, *in_folder]
        return (
            {reader for reader, pattern in candidates if _compile_path_expression(pattern).fullmatch(path)}
            if candidates
            else _NONE
        )


@cache
def _collect_claims() -> _Claims:
    return _Claims()


@cache
def _compile_path_expression(pattern: str) -> re.Pattern[str]:
    """Return the expression of a pattern; most patterns are asked for in no image."""
    folders = (re.escape(part).replace(r"\*", "[^/]*") for part in pattern.split("**/"))
    return re.compile("(?:.*/)?".join(folders))


def is_claimed(path: str) -> bool:
    """Return whether a reader claims a file by its path, relative to the root."""
    return bool(_collect_claims().match_readers(path))


def find_readers(path: str, head: bytes = b"") -> tuple[InventoryReader, ...]:
    """Return the readers that claim a file by its path, relative to the root, and its first HEAD bytes."""
    claims = _collect_claims()
    names = claims.match_readers(path) | {
        reader.name for reader in claims.magic if head.startswith(reader.magic)
    }
    return (
        tuple(reader for name, reader in load_inventory_readers().items() if name in names) if names else ()
    )


def read_inventory(file: InventoryFile) -> tuple[InventoryReading, ...]:
    """Return what every reader that claims a file reads in it; raises UnreadableInventoryError."""
    return tuple(run_reader(reader, file) for reader in find_readers(file.path, file.content[:HEAD]))


def run_reader(reader: InventoryReader, file: InventoryFile) -> InventoryReading:
    """Return what one reader reads in a file; raises UnreadableInventoryError."""
    if len(file.content) > reader.max_size:
        raise file.make_error(
            f"the file has {len(file.content)} bytes, more than {reader.max_size} are not read"
        )
    file.set_aside = []
    packages: list[Package] = []
    try:
        for found in reader.read(file):
            if not found.name:
                file.record_left_out_entry(found.line or 1, "a package has no name")
                continue
            packages.append(found)
            if len(packages) > MAX_PACKAGES:
                raise file.make_error(f"the file has more than {MAX_PACKAGES} packages")
    except WrongShapeError as error:
        raise file.make_error(f"the file does not have the structure of {reader.title}: {error}") from error
    return InventoryReading(reader.name, tuple(packages), tuple(file.set_aside))
