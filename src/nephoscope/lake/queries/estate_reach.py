"""Estate reach: the scopes in which a principal may perform operations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from nephoscope.model.read_reach import EVERYTHING, Reach


class Reaches(Protocol):
    """Where in the estate somebody may do operations."""

    def __call__(self, operations: Iterable[str]) -> Mapping[str, Reach]:
        """Operation -> where it may be done."""
        ...


@dataclass(frozen=True, slots=True)
class ReachesWithin:
    """Where in the estate operations may be done, of some subscriptions (in lower case) alone."""

    reaches: Reaches
    subscriptions: frozenset[str]

    def __call__(self, operations: Iterable[str]) -> Mapping[str, Reach]:
        """Operation -> where it may be done."""
        return {one: reach.narrow_to(self.subscriptions) for one, reach in self.reaches(operations).items()}


def reach_everything(operations: Iterable[str]) -> Mapping[str, Reach]:
    """Reach the whole estate, as the product itself does."""
    return dict.fromkeys(operations, EVERYTHING)


def reach_nothing(operations: Iterable[str]) -> Mapping[str, Reach]:
    """Reach nothing of the estate."""
    return dict.fromkeys(operations, Reach())
