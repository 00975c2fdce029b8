"""Content import: check content against a workspace and store it as a pack with its functions and watchlists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from nephoscope.alerts.library.content_discovery import CheckoutContent, Progress
from nephoscope.alerts.library.content_item import ContentItem, ContentKind, UnusableContent
from nephoscope.alerts.library.content_packs import (
    RefusedPiece,
    RulePack,
    RulePacks,
    StoredPiece,
    build_slug,
    compare_packs,
)
from nephoscope.alerts.library.content_status import assess
from nephoscope.files.json_tree import get_text, list_trees
from nephoscope.lake.errors import LakeError
from nephoscope.lake.watchlists.watchlist_service import WatchlistService
from nephoscope.state.database.database import StateError
from nephoscope.state.database.state_errors import TransientError
from nephoscope_kql.catalog import StoredFunction
from nephoscope_kql.errors import KqlError

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake
    from nephoscope.state import State

RULES = (ContentKind.RULE, ContentKind.HUNTING)


@dataclass(frozen=True, slots=True)
class PackImport:
    """A pack as it was kept, what is new in it, and what was passed over, by reason."""

    pack: RulePack
    changes: dict[str, list[str]]
    passed: Counter[str]
    files: int


@dataclass(frozen=True, slots=True)
class PackImporter:
    """Imports into one workspace of a lake."""

    lake: Lake
    state: State
    workspace: str
    by: str = "import"
    progress: Progress = lambda *_: None

    def store_pack(self, reading: CheckoutContent, name: str, origin: Path, now: datetime) -> PackImport:
        """Keep what was read as a pack in the place of the one of its name; nothing is kept of what holds no usable piece."""
        packs = RulePacks(self.lake.data)
        before = packs.get(name)
        saved, refused = self._save_pieces(reading.pieces, before, now)
        rules = [one for one in reading.pieces if one.kind in RULES]
        pieces = (*saved, *self._check_pack_items(rules, now))
        refusals = tuple(_build_refusal(one) for one in (*reading.unusable, *refused, *reading.unread))
        pack = RulePack(build_slug(name), str(origin), now, self.workspace, pieces, refusals)
        if pieces:
            packs.store(pack)
        return PackImport(pack, compare_packs(before, pieces), reading.passed, reading.files)

    def reimport(self, pack: RulePack, now: datetime) -> RulePack:
        """A pack with its rules judged anew, kept; nothing else of it changes."""
        rules = {
            (one.kind, one.id): one
            for one in self._check_pack_items([one.piece for one in pack.list_pieces(*RULES)], now)
        }
        pieces = tuple(rules.get((one.kind, one.id), one) for one in pack.pieces)
        judged = RulePack(pack.name, pack.origin, pack.imported, pack.workspace, pieces, pack.refusals)
        RulePacks(self.lake.data).store(judged)
        return judged

    def remove(self, pack: RulePack) -> None:
        """Take a pack's functions out of the workspace, and the pack out of the data folder; its watchlists stay."""
        self._drop_functions(one.id for one in pack.list_pieces(ContentKind.FUNCTION))
        RulePacks(self.lake.data).remove(pack.name)

    def _check_pack_items(self, pieces: list[ContentItem], now: datetime) -> list[StoredPiece]:
        found = []
        for number, piece in enumerate(pieces):
            found.append(StoredPiece.from_piece(piece, assess(piece, self.lake, self.workspace, now)))
            self.progress("judging rules", number + 1, len(pieces))
        return found

    def _save_pieces(
        self, pieces: Iterable[ContentItem], before: RulePack | None, now: datetime
    ) -> tuple[list[StoredPiece], list[UnusableContent]]:
        """Functions and watchlists, saved in the workspace; those that could not be, and why."""
        own = {one.id for one in before.list_pieces(ContentKind.FUNCTION)} if before else set()
        saved, refused = [], []
        for piece in pieces:
            if piece.kind not in (ContentKind.FUNCTION, ContentKind.WATCHLIST):
                continue
            try:
                self._save_piece(piece, own, now)
            except TransientError:
                raise
            except (LakeError, KqlError, StateError) as error:
                refused.append(UnusableContent(piece.place, piece.source, piece.name, (str(error),)))
            else:
                saved.append(StoredPiece.from_piece(piece, None))
        self._drop_functions(own - {one.id for one in saved})
        return saved, refused

    def _save_piece(self, piece: ContentItem, own: set[str], now: datetime) -> None:
        document = piece.document
        if piece.kind is ContentKind.WATCHLIST:
            keeping = WatchlistService(self.state, self.lake, self.workspace, self.by)
            keeping.hold(
                get_text(document, "alias"), get_text(document, "key"), list_trees(document, "items"), now
            )
            return
        name, body, parameters = (get_text(document, one) for one in ("name", "body", "parameters"))
        known = self.lake.functions.for_workspace(self.workspace).get(name)
        if known is not None and name not in own and (known.body, known.parameters) != (body, parameters):
            raise LakeError(
                f"the workspace {self.workspace} already has another function {name}, which is kept"
            )
        self.lake.functions.save(self.workspace, StoredFunction(name, body, parameters))

    def _drop_functions(self, names: Iterable[str]) -> None:
        known = self.lake.functions.list_content_functions(self.workspace)
        for name in sorted(set(names) & known.keys()):
            self.lake.functions.remove(self.workspace, name)


def _build_refusal(one: UnusableContent) -> RefusedPiece:
    return RefusedPiece(one.source, str(one.place), one.name, one.reasons, one.unsupported)
