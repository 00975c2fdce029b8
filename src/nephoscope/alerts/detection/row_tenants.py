"""Row tenants: divide the rows of a window by the tenant that they are about, so that no alert holds rows of two."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from nephoscope.alerts.entities.resource_mentions import find_guids, find_mentions
from nephoscope.alerts.rules.query_result import RuleResultRow
from nephoscope.lake.schema.column_types import TENANT

_Owners = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TenantRows:
    """Rows about one tenant, in their order; `name` tells their alerts from those of other tenants ('' = as in a single tenant)."""

    name: str
    rows: Sequence[RuleResultRow]


@dataclass(frozen=True, slots=True)
class RowTenants:
    """The tenants of the estate: `subscriptions` maps each subscription (a lower-cased GUID) to the id of its tenant.

    Alerts of the `first` tenant have the ids that they had before there were others.
    """

    subscriptions: Mapping[str, str] = field(default_factory=dict)
    first: str = ""

    def divide(self, rows: Sequence[RuleResultRow]) -> list[TenantRows]:
        """Divide rows by the tenants that they name: by subscription, else by tenant id; rows that name none are a part too."""
        tenants = frozenset(self.subscriptions.values())
        if len(tenants) < 2 or not rows:
            return [TenantRows("", rows)]
        known = frozenset(self.subscriptions)
        parts: dict[_Owners, list[RuleResultRow]] = {}
        for row in rows:
            parts.setdefault(tuple(sorted(self._list_owners(row, known, tenants))), []).append(row)
        plain = (self.first,) if (self.first,) in parts else ()
        return [
            TenantRows("" if key == plain else _describe_owners(key), several)
            for key, several in parts.items()
        ]

    def _list_owners(
        self, row: RuleResultRow, known: frozenset[str], tenants: frozenset[str]
    ) -> frozenset[str] | set[str]:
        text = json.dumps(dict(_list_cells(row)), ensure_ascii=False, default=str)
        named = {one.subscription for one in find_mentions(text, known)}
        # a subscription that was not collected stands for itself
        return {self.subscriptions.get(one, one) for one in named} or find_guids(text) & tenants


def _list_cells(row: RuleResultRow) -> Iterator[tuple[str, object]]:
    """The cells of a row but for the id of its workspace."""
    return ((name, value) for name, value in row.document().items() if name != TENANT)


def _describe_owners(owners: _Owners) -> str:
    return f"of tenants {' '.join(owners)}\n"
