"""Estate scope: the scopes in which a principal may perform operations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from nephoscope.model.read_scope import EVERYTHING, Reach


class Reaches(Protocol):
    """Look-up of the scopes of the estate in which somebody may do operations."""

    def __call__(self, operations: Iterable[str]) -> Mapping[str, Reach]:
        """Operation -> where it may be done."""
        ...


@dataclass(frozen=True, slots=True)
class ReachesWithin:
    """Look-up of the scopes in which operations may be done, narrowed to some subscriptions (in lower case)."""

    reaches: Reaches
    subscriptions: frozenset[str]

    def __call__(self, operations: Iterable[str]) -> Mapping[str, Reach]:
        """Operation -> where it may be done."""
        return {one: reach.narrow_to(self.subscriptions) for one, reach in self.reaches(operations).items()}


def grant_full_reach(operations: Iterable[str]) -> Mapping[str, Reach]:
    """Reach the whole estate, as the product itself does."""
    return dict.fromkeys(operations, EVERYTHING)


def grant_no_reach(operations: Iterable[str]) -> Mapping[str, Reach]:
    """Reach nothing of the estate."""
    return dict.fromkeys(operations, Reach())
