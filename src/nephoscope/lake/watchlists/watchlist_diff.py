"""Watchlist diff: the changes between current and requested items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from nephoscope.state.workspaces.watchlists import WatchlistItem


@dataclass(frozen=True, slots=True)
class WatchlistChanges:
    """Counts of the items that a change added, updated, left and removed."""

    added: int = 0
    updated: int = 0
    same: int = 0
    removed: int = 0

    def __str__(self) -> str:
        return f"{self.added:,} added, {self.updated:,} updated, {self.removed:,} removed, {self.same:,} as they were"


@dataclass(frozen=True, slots=True)
class WatchlistPlan:
    """Plan of a change to a watchlist: new, updated and removed items, all items after it, and the number that stays as it is."""

    new: tuple[WatchlistItem, ...] = ()
    other: tuple[WatchlistItem, ...] = ()
    gone: tuple[WatchlistItem, ...] = ()
    after: tuple[WatchlistItem, ...] = ()
    same: int = 0

    @property
    def is_unchanged(self) -> bool:
        """Return whether nothing changes."""
        return not (self.new or self.other or self.gone)

    @property
    def change_counts(self) -> WatchlistChanges:
        """Return the numbers of items by change."""
        return WatchlistChanges(len(self.new), len(self.other), self.same, len(self.gone))

    @property
    def items_by_status(self) -> tuple[tuple[str, tuple[WatchlistItem, ...]], ...]:
        """The items by what the lake is told of them."""
        return ("Create", self.new), ("Update", self.other), ("Delete", self.gone)


def plan_change(
    before: Sequence[WatchlistItem], made: Sequence[WatchlistItem], *, whole: bool
) -> WatchlistPlan:
    """Return what it takes to have `made` beside the items that are there, with `whole` in their place."""
    known = {one.id: one for one in before}
    wanted = {one.id: one for one in made}
    new = [one for id_, one in wanted.items() if id_ not in known]
    other = [
        replace(one, created=known[id_].created)
        for id_, one in wanted.items()
        if id_ in known and (known[id_].cells != one.cells or _has_item_moved(known[id_], one))
    ]
    gone = [one for one in before if one.id not in wanted] if whole else []
    after = known | {one.id: one for one in (*new, *other)}
    for one in gone:
        del after[one.id]
    # in the order of the index: pages of the database are filled one after the other
    ordered = [after[id_] for id_ in sorted(after)]
    same = len(made) - len(new) - len(other)
    return WatchlistPlan(tuple(new), tuple(other), tuple(gone), tuple(ordered), same)


def plan_expiry(before: Sequence[WatchlistItem], now: datetime) -> WatchlistPlan:
    """Return what it takes to have no items that are over."""
    over = [one for one in before if one.expires is not None and one.expires <= now]
    kept = [one for one in before if one.expires is None or one.expires > now]
    return WatchlistPlan(gone=tuple(over), after=tuple(kept))


def _has_item_moved(before: WatchlistItem, after: WatchlistItem) -> bool:
    """Return whether an item is over at another time: a day more or less counts, an hour does not."""
    if before.expires is None or after.expires is None:
        return before.expires != after.expires
    return abs(after.expires - before.expires) >= timedelta(days=1)
