"""Principal scope: the rows of the lake that a principal may read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from nephoscope.lake.queries.estate_scope import Reaches, ReachesWithin, grant_full_reach, grant_no_reach


@dataclass(frozen=True, slots=True)
class LakeScope:
    """The subscriptions (None = all rows, also those without one) and workspaces (None = all) that a principal may read.

    `narrowed`: the subscriptions were chosen by one who may read all rows, and not given by a role. `estate` says where in the estate
    operations may be done, for the tables of Resource Graph: nowhere unless it is told. Of the tables `unowned` it sees rows without a
    subscription, too.
    """

    subscriptions: frozenset[str] | None = None
    workspaces: frozenset[str] | None = None
    narrowed: bool = False
    estate: Reaches = field(default=grant_no_reach, compare=False, repr=False)
    unowned: frozenset[str] = frozenset()

    @property
    def ids(self) -> frozenset[str] | None:
        """The subscription ids as rows carry them: in lower case. Never the empty text, which rows without a subscription have."""
        if self.subscriptions is None:
            return None
        return frozenset(one.lower() for one in self.subscriptions if one)

    def can_read(self, workspace: str) -> bool:
        """Return whether the workspace may be read at all."""
        return self.workspaces is None or workspace in self.workspaces

    def can_read_watchlists(self, workspace: str) -> bool:
        """Return whether it sees what belongs to no subscription: the watchlists of a workspace, their names and their columns."""
        return (self.subscriptions is None or self.narrowed) and self.can_read(workspace)

    def restrict(self, subscriptions: frozenset[str]) -> LakeScope:
        """Return this scope narrowed to the rows of some subscriptions."""
        estate = ReachesWithin(self.estate, frozenset(one.lower() for one in subscriptions))
        if self.subscriptions is None:
            return replace(self, subscriptions=subscriptions, narrowed=True, estate=estate)
        return replace(self, subscriptions=self.subscriptions & subscriptions, estate=estate)


EVERYTHING = LakeScope(estate=grant_full_reach)
