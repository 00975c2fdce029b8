"""A workspace: a named set of tables with retention and scope."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

DEFAULT = "default"
#: What Log Analytics keeps at no cost where Sentinel is on.
RETENTION_DAYS = 90
_NAMESPACE = uuid.UUID("8d0c6a3e-5c0f-4d53-9a58-6b2f0c1f7f5e")


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace: `id` is the GUID that its rows carry as TenantId; rows are kept `days`, those of a table as `table_days` says.

    `members` are the tables that it takes (None: every table), `subscriptions` those whose rows it shows (None: all rows).
    """

    name: str = DEFAULT
    id: str = ""
    days: int = RETENTION_DAYS
    table_days: Mapping[str, int] = field(default_factory=dict)
    members: frozenset[str] | None = None
    subscriptions: frozenset[str] | None = None
    description: str = ""
    created: datetime | None = None

    @staticmethod
    def from_name(name: str) -> Workspace:
        """A workspace that nobody has set up: its id follows from its name."""
        return Workspace(name, str(uuid.uuid5(_NAMESPACE, name)))

    def get_retention_days(self, table: str) -> int:
        """Count how many days the rows of a table are kept."""
        return self.table_days.get(table, self.days)

    def get_retention(self, table: str) -> timedelta:
        """Return how long the rows of a table are kept."""
        return timedelta(days=self.get_retention_days(table))

    def accepts_table(self, table: str) -> bool:
        """Return whether rows of a table may be written to it; what the lake itself writes (`_Quarantine`) always."""
        return self.members is None or table in self.members or table.startswith("_")

    def refusal(self, table: str) -> str:
        """Explain why rows of a table that it does not take are set aside."""
        return f"the workspace {self.name} does not take rows of {table}"
