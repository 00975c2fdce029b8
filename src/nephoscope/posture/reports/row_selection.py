"""Which rows of an evaluation somebody will read, and whether with the conditions that decided them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nephoscope.posture.recommendations.report_row import Group, Row
from nephoscope_policy.model.state import State

EVERY = frozenset(State)
NOTHING: frozenset[State] = frozenset()


@dataclass(frozen=True, slots=True)
class Extract:
    """The rows in some states, of each group the first `each` (None = all), those that `takes` lets through.

    Rows in `reasons` are read with the conditions that decided them.
    """

    states: frozenset[State] = EVERY
    reasons: frozenset[State] = NOTHING
    each: int | None = None
    takes: Callable[[Row], bool] | None = None

    def wants(self, group: Group) -> bool:
        """Return whether rows of the group are read."""
        return group.state in self.states
