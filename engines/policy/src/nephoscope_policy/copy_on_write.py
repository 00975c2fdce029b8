"""Copy-on-write tables and sorted lists: a later state shares all unchanged entries with the earlier one."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from operator import attrgetter
from typing import Generic, Protocol, TypeVar, overload

K = TypeVar("K")
V = TypeVar("V")
D = TypeVar("D")


class OverlayDict(Generic[K, V]):
    """A dictionary with changes laid over: `own` has the new values, None where the key is gone."""

    __slots__ = ("below", "own")

    def __init__(self, below: dict[K, V], own: dict[K, V | None]) -> None:
        self.below = below
        self.own = own

    @overload
    def get(self, key: K) -> V | None: ...
    @overload
    def get(self, key: K, default: D) -> V | D: ...
    def get(self, key: K, default: D | None = None) -> V | D | None:
        """The value of a key."""
        if key in self.own:
            found = self.own[key]
            return default if found is None else found
        return self.below.get(key, default)

    def __getitem__(self, key: K) -> V:
        found = self.get(key)
        if found is None:
            raise KeyError(key)
        return found

    def __contains__(self, key: object) -> bool:
        return self.own[key] is not None if key in self.own else key in self.below

    def __iter__(self) -> Iterator[K]:
        kept = (key for key in self.below if key not in self.own)
        return chain(kept, (key for key, value in self.own.items() if value is not None))


Table = dict[K, V] | OverlayDict[K, V]


def overlay_table(table: Table[K, V], changes: Mapping[K, V | None]) -> Table[K, V]:
    """A table with changes (None = gone), which shares what stays; many changes are worked in, so that layers do not pile up."""
    below, own = (
        (table.below, {**table.own, **changes}) if isinstance(table, OverlayDict) else (table, {**changes})
    )
    if len(own) * _SMALL < len(below):
        return OverlayDict(below, own)
    whole = {**below, **{key: value for key, value in own.items() if value is not None}}
    for key, value in own.items():
        if value is None:
            whole.pop(key, None)
    return whole


#: Changes up to this part of a table stay a layer of their own.
_SMALL = 4


class _HasKey(Protocol):
    @property
    def key(self) -> str: ...


Keyed = TypeVar("Keyed", bound=_HasKey)


_KEY = attrgetter("key")


def replace_members(views: Iterable[Keyed], removed: Iterable[Keyed], added: Iterable[Keyed]) -> list[Keyed]:
    """A copy of a list, in the order of its keys where it had it, without some members (by their keys) and with others."""
    found = list(views)
    for view in removed:
        at = bisect_left(found, view.key, key=_KEY)
        if at < len(found) and found[at].key == view.key:
            del found[at]
        else:
            found = [one for one in found if one.key != view.key]
    for view in added:
        insort(found, view, key=_KEY)
    return found
