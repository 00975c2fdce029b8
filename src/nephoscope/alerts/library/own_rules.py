"""Rules of people's own: a pack that changes together with what the state keeps of the change, as its entry in the audit.

The new pack is written beside the old one, the transaction says which it is, and only then it takes the place of the old one. Where a
process died in between, the next change or start of the server finishes it: no rule is in force of which the audit knows nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from nephoscope.alerts.library.content_packs import RulePack, RulePacks, StoredPiece

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.state import State

#: The pack of what is put by the API.
API = "api"
#: Checkpoint: which of the packs that were written is in force.
_SAID = "own rules"


@dataclass(frozen=True, slots=True)
class OwnRules:
    """The own rules of a data folder."""

    state: State
    data: Path

    @property
    def pack(self) -> RulePack | None:
        """The pack that is in force, None where there is none."""
        return RulePacks(self.data).get(API)

    @property
    def pieces(self) -> list[StoredPiece]:
        """Its rules."""
        pack = self.pack
        return list(pack.pieces) if pack is not None else []

    def change(
        self,
        edit: Callable[[list[StoredPiece]], Sequence[StoredPiece]],
        workspace: str,
        now: datetime,
        keep: Callable[[Session, list[StoredPiece]], None],
    ) -> None:
        """Have the rules that `edit` makes of those that are there; `keep` keeps what belongs to it in the same transaction."""
        packs = RulePacks(self.data)
        try:
            with self.state.transaction() as session:
                self.state.database.queue(session, _SAID)
                packs.activate_pack_only(
                    API, str(self.state.checkpoints.load_in_transaction(session, _SAID).get(API, ""))
                )
                known = self.pieces
                pieces = tuple(edit(known))
                keep(session, known)
                said = packs.prepare(RulePack(API, "put by the API", now, workspace, pieces))
                self.state.checkpoints.keep(session, _SAID, {API: said})
        finally:
            self.finish()

    def finish(self) -> None:
        """Put the pack in force that the state says, where its process came no further than that."""
        RulePacks(self.data).activate(API, str(self.state.checkpoints.get(_SAID, API, "")))
