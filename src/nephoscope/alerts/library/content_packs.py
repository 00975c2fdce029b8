"""Packs of imported content in the data folder, a file each; what they hold is run where a person switched it on."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import msgspec

from nephoscope.alerts.library.content_item import ContentItem, ContentKind
from nephoscope.alerts.library.content_status import AvailabilityCheck, RuleAvailability
from nephoscope.lake.durable_files import Disk
from nephoscope_policy.model.source_location import Place

FOLDER = ("content", "detections")


class PackError(ValueError):
    """A pack that is not there or cannot be read; the message says what to do."""


class StoredPiece(msgspec.Struct, frozen=True):
    """A piece as it is kept, with how it stood when it was last looked at."""

    kind: str
    id: str
    name: str
    version: str
    source: str
    path: str
    hash: str
    document: dict[str, object]
    notes: tuple[str, ...] = ()
    standing: str = ""
    reasons: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @staticmethod
    def from_piece(piece: ContentItem, judged: AvailabilityCheck | None) -> StoredPiece:
        """A piece with its standing (None: it has none, such as a function)."""
        found = judged or AvailabilityCheck(RuleAvailability.RUNS)
        return StoredPiece(
            piece.kind.value, piece.id, piece.name, piece.version, piece.source, piece.place.path, piece.hash,
            piece.document, piece.notes, found.standing.value if judged else "", found.reasons, found.tables, found.needs,
        )  # fmt: skip

    @property
    def piece(self) -> ContentItem:
        """The piece; its place is the file below what was imported."""
        place = Place(self.source, path=self.path)
        return ContentItem(
            ContentKind(self.kind),
            self.id,
            self.name,
            self.version,
            self.source,
            self.document,
            place,
            self.notes,
        )

    @property
    def judged(self) -> AvailabilityCheck:
        """Return how it stood."""
        return AvailabilityCheck(RuleAvailability(self.standing), self.reasons, self.tables, self.needs)


class RefusedPiece(msgspec.Struct, frozen=True):
    """Piece of a pack that cannot be used, with its place and the reasons."""

    source: str
    place: str
    name: str
    reasons: tuple[str, ...]
    unsupported: bool = False


class RulePack(msgspec.Struct, frozen=True):
    """A pack: what was taken, from where, when, for which workspace, and what could not be used."""

    name: str
    origin: str
    imported: datetime
    workspace: str
    pieces: tuple[StoredPiece, ...]
    refusals: tuple[RefusedPiece, ...] = ()

    def list_pieces(self, *kinds: ContentKind) -> list[StoredPiece]:
        """Its pieces of some kinds."""
        return [one for one in self.pieces if one.kind in kinds]

    def list_query_pieces(self) -> list[StoredPiece]:
        """Its rules and hunting queries."""
        return self.list_pieces(ContentKind.RULE, ContentKind.HUNTING)


class RulePacks:
    """The packs of a data folder. PackError where one is not there or spoilt."""

    def __init__(self, data: Path, disk: Disk | None = None) -> None:
        self._folder = data.joinpath(*FOLDER)
        self._disk = disk or Disk()

    def names(self) -> list[str]:
        """The names of the packs."""
        return sorted(path.stem for path in self._folder.glob("*.pack"))

    def all(self) -> list[RulePack]:
        """Every pack, by name."""
        return [self.read(name) for name in self.names()]

    def get(self, name: str) -> RulePack | None:
        """A pack, None where there is none of that name."""
        return self.read(build_slug(name)) if self._build_path(build_slug(name)).exists() else None

    def read(self, name: str) -> RulePack:
        """A pack by its name."""
        path = self._build_path(name)
        try:
            return msgspec.msgpack.decode(path.read_bytes(), type=RulePack)
        except FileNotFoundError as error:
            known = ", ".join(self.names()) or "there is none"
            raise PackError(f"pack {name!r} not found: {known}") from error
        except (msgspec.DecodeError, OSError) as error:
            raise PackError(f"{path}: not a readable pack: {error}; import it again") from error

    def store(self, pack: RulePack) -> None:
        """Keep a pack in the place of the one of its name."""
        self._disk.make_folders(self._folder)
        self._disk.replace(self._build_path(pack.name), msgspec.msgpack.encode(pack))

    def prepare(self, pack: RulePack) -> str:
        """Write a pack beside the one of its name, to be shown later; what tells it from others that are prepared."""
        written = msgspec.msgpack.encode(pack)
        said = hashlib.blake2b(written, digest_size=16).hexdigest()
        self._disk.make_folders(self._folder)
        self._disk.replace(self._build_prepared_path(pack.name, said), written)
        return said

    def activate(self, name: str, said: str) -> None:
        """Have a pack that was prepared in the place of the one of its name; nothing happens where that was done already."""
        try:
            self._disk.rename(self._build_prepared_path(name, said), self._build_path(name))
        except FileNotFoundError:
            return
        self._disk.sync_folder(self._folder)

    def activate_pack_only(self, name: str, said: str) -> None:
        """Activate a prepared pack as `activate` does and delete all others prepared under its name.

        No other process may be preparing a pack of that name.
        """
        self.activate(name, said)
        for path in self._folder.glob(self._build_prepared_path(name, "*").name):
            self._disk.remove(path)

    def remove(self, name: str) -> RulePack:
        """Forget a pack; gives what it was."""
        pack = self.read(build_slug(name))
        self._disk.remove(self._build_path(pack.name))
        self._disk.sync_folder(self._folder)
        return pack

    def _build_path(self, name: str) -> Path:
        return self._folder / f"{name}.pack"

    def _build_prepared_path(self, name: str, said: str) -> Path:
        return self._folder / f"{name}.{said}.next"


def build_slug(name: str) -> str:
    """A name as a file can have it."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:80] or "pack"


def compare_packs(before: RulePack | None, after: Iterable[StoredPiece]) -> dict[str, list[str]]:
    """Return what a new import brings: `new`, `changed` (with the versions), `removed`: texts, by name."""
    old = {(one.kind, one.id): one for one in before.pieces} if before else {}
    new = {(one.kind, one.id): one for one in after}
    changed = [
        _describe_change(old[key], new[key]) for key in new if key in old and old[key].hash != new[key].hash
    ]
    return {
        "new": sorted(new[key].name for key in new if key not in old),
        "changed": sorted(changed),
        "removed": sorted(old[key].name for key in old if key not in new),
    }


def _describe_change(old: StoredPiece, new: StoredPiece) -> str:
    if old.version == new.version:
        return f"{new.name} (version {new.version or 'not given'} still)"
    return f"{new.name} ({old.version or 'no version'} -> {new.version or 'no version'})"
