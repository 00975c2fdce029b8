"""What a principal may see of the lake."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """The subscriptions (None = all rows, also those without one) and workspaces (None = all) that a principal may read."""

    subscriptions: frozenset[str] | None = None
    workspaces: frozenset[str] | None = None

    @property
    def ids(self) -> frozenset[str] | None:
        """The subscription ids as rows carry them: in lower case. Never the empty text, which rows without a subscription have."""
        if self.subscriptions is None:
            return None
        return frozenset(one.lower() for one in self.subscriptions if one)

    def sees(self, workspace: str) -> bool:
        """Whether the workspace may be read at all."""
        return self.workspaces is None or workspace in self.workspaces

    def sees_lists(self, workspace: str) -> bool:
        """Whether it sees what belongs to no subscription: the watchlists of a workspace, their names and their columns."""
        return self.subscriptions is None and self.sees(workspace)


EVERYTHING = Scope()
