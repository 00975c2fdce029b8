"""What the surfaces of one server work with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from nephoscope.access.scopes import Hierarchy

if TYPE_CHECKING:
    from nephoscope.access.guard import Guard
    from nephoscope.access.tokens import Tokens
    from nephoscope.lake.lake import Lake
    from nephoscope.lake.state import State
    from nephoscope.posture.published.shelf import Shelf

#: Of a tenant that says no id of its own.
NO_TENANT = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True)
class Desk:
    """The data folder, its state and lake, what was published, the guard; `tenant` is the id that tokens and answers carry."""

    data: Path
    state: State
    lake: Lake
    shelf: Shelf
    guard: Guard
    tokens: Tokens
    tenant: str = NO_TENANT
    query_seconds: float = 180.0

    @property
    def now(self) -> datetime:
        """The time."""
        return datetime.now(UTC)


def hierarchy_of(shelf: Shelf) -> Hierarchy:
    """What lies where, by what was published last."""
    found = shelf.newest()
    if found is None:
        return Hierarchy({})
    return Hierarchy(found.made.ancestors, frozenset(found.made.subscriptions))
