"""Imported content in the data folder: packs of policies and initiatives, and alias tables; the shipped pack comes first."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from nephoscope.content.loader import load_documents
from nephoscope_policy import catalog_cache
from nephoscope_policy.aliases import Aliases
from nephoscope_policy.catalog import ImportSummary, PolicyCatalog
from nephoscope_policy.documents import ContentDocument, ContentError
from nephoscope_policy.errors import PolicyError
from nephoscope_policy.model.source_location import Place

MAX_ALIAS_FILE = 512 * 1024 * 1024


class _StoredPack(msgspec.Struct):
    """A pack as it is stored: the documents that were taken, so that a newer nephoscope can read them anew."""

    name: str
    source: str
    documents: list[tuple[str, bytes]]


class ImportedContent(msgspec.Struct, frozen=True):
    """Metadata of an imported pack or alias table."""

    name: str
    source: str
    size: int


class Packs:
    """The content of one data folder."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._packs = data / "content" / "packs"
        self._tables = data / "content" / "aliases"
        self._cache = data / "content" / "cache"

    def add(self, root: Path, name: str = "") -> tuple[ImportedContent, ImportSummary]:
        """Import a folder or file of definitions and initiatives under a name (default: the folder's); an earlier one is replaced.

        ContentError when the root does not exist or holds nothing usable.
        """
        found = list(load_documents(root))
        catalog = PolicyCatalog.of(found)
        if not catalog.entries:
            raise ContentError("no policy definition or initiative found", Place(str(root)))
        name = _slugify_name(name or root.resolve().name)
        rows = [(entry.place.file, bytes(entry.data)) for entry in catalog.entries]
        path = self._packs / f"{name}.pack"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.msgpack.encode(_StoredPack(name, str(root), rows)))
        return ImportedContent(name, str(root), len(rows)), catalog.import_summary

    def add_aliases(self, path: Path) -> tuple[ImportedContent, int]:
        """Import an alias table in a shape that Aliases.load takes; returns it and how many aliases it has. PolicyError otherwise."""
        if path.stat().st_size > MAX_ALIAS_FILE:
            raise ContentError(
                f"the file exceeds {MAX_ALIAS_FILE >> 20} MiB: not an alias table", Place(str(path))
            )
        aliases = Aliases.load(path)
        if not len(aliases):
            raise ContentError("no alias found", Place(str(path)))
        aliases.check_paths()
        data = path.read_bytes()
        suffix = ".json.gz" if path.suffix == ".gz" else ".json"
        target = self._tables / f"{hashlib.sha256(data).hexdigest()[:16]}{suffix}"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        return ImportedContent(target.name, str(path), len(data)), len(aliases)

    def list_imported_content(self) -> list[ImportedContent]:
        """The imported packs and alias tables."""
        packs = [_read_stored_pack(path) for path in self._list_files(self._packs)]
        tables = [
            ImportedContent(path.name, "aliases", path.stat().st_size)
            for path in self._list_files(self._tables)
        ]
        return [ImportedContent(pack.name, pack.source, len(pack.documents)) for pack in packs] + tables

    def catalog(self, folders: Iterable[Path] = ()) -> PolicyCatalog:
        """The shipped pack, the imported packs and the given folders as one catalog."""
        own = load_built_in_catalog(self._get_cache_folder())
        packs = [self._load_pack(path) for path in self._list_files(self._packs)]
        return own.include(*packs, *(self.folder(folder) for folder in folders))

    @property
    def stamp(self) -> tuple[tuple[str, int, int], ...]:
        """Return what was imported, as names, sizes and times: equal as long as the content is the same."""
        files = [path for folder in (self._packs, self._tables) for path in self._list_files(folder)]
        return tuple((path.name, (status := path.stat()).st_size, status.st_mtime_ns) for path in files)

    def list_digests(self) -> Iterator[tuple[str, str]]:
        """The imported files with digests of what they hold."""
        for folder in (self._packs, self._tables):
            for path in self._list_files(folder):
                yield path.name, hashlib.sha256(path.read_bytes()).hexdigest()

    def folder(self, root: Path) -> PolicyCatalog:
        """The catalog of a folder or file, without importing it; ContentError when it does not exist."""
        return catalog_cache.load(load_documents(root), self._get_cache_folder())

    def aliases(self) -> Aliases:
        """The shipped table with the imported ones laid over it."""
        table = Aliases.load_builtin()
        for path in self._list_files(self._tables):
            try:
                table = table.merge(Aliases.load(path))
            except PolicyError as error:
                reason = f"a damaged alias table: import it again ({error.message})"
                raise ContentError(reason, Place(str(path))) from error
        return table

    def _get_cache_folder(self) -> Path:
        """The folder of the cache, in a data folder that is nobody else's where this is what makes it."""
        self._data.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._cache

    def _load_pack(self, path: Path) -> PolicyCatalog:
        status = path.stat()
        blob = self._cache / f"{path.stem}-{status.st_size}-{status.st_mtime_ns}.pack.catalog"
        try:
            return catalog_cache.read(blob)
        except (FileNotFoundError, ValueError):
            pack = _read_stored_pack(path)
            catalog_cache.write(
                PolicyCatalog.of(ContentDocument(data, Place(file)) for file, data in pack.documents), blob
            )
            return catalog_cache.read(blob)

    @staticmethod
    def _list_files(folder: Path) -> list[Path]:
        return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []


def _read_stored_pack(path: Path) -> _StoredPack:
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=_StoredPack)
    except msgspec.DecodeError as error:
        raise ContentError(f"a damaged pack: import its content again ({error})", Place(str(path))) from error


_own: list[PolicyCatalog] = []


def load_built_in_catalog(cache: Path) -> PolicyCatalog:
    """Read what ships with nephoscope once a process; the first who asks says which folder keeps it for other processes."""
    if not _own:
        _own.append(catalog_cache.load(load_built_in_documents(), cache))
    return _own[0]


def load_built_in_documents() -> list[ContentDocument]:
    """The definitions and initiatives that ship with nephoscope."""
    return [*load_documents(None, "policies"), *load_documents(None, "initiatives")]


def _slugify_name(name: str) -> str:
    return re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-.") or "pack"
