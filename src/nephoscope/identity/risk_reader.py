"""Risks of a workspace as they are now: what the product made and people decided, beside the risk logs of Microsoft Entra ID.

The state is what a decision changes, so that it is read at once; the newest of both says what an identity's risk is.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from nephoscope.identity.risk_rows import (
    SOURCE,
    TABLES,
    map_newest_by_key,
    query_lake,
    read_detection,
    read_identity,
)
from nephoscope.model.identity_risk import RiskHistoryItem

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake
    from nephoscope.model.identity_risk import IdentityKind, RiskDetection, RiskyIdentity
    from nephoscope.state import State


@dataclass(frozen=True, slots=True)
class RiskReader:
    """Reads the risks of one workspace; who may is checked by the caller. `timeout` is of each query, in seconds."""

    lake: Lake
    state: State
    workspace: str
    timeout: float | None = None

    def read_identities(
        self, kind: IdentityKind, ids: Collection[str] | None = None
    ) -> dict[str, RiskyIdentity]:
        """Return the risky identities of a kind by lower-cased id, or those of some ids."""
        some = "" if ids is None else f"| where Id in~ ({', '.join(map(quote_kql_text, ids))}) "
        text = f"{TABLES[kind].risky} {some}| summarize arg_max(TimeGenerated, *) by Key = tolower(Id)"
        logged = [read_identity(row, kind) for row in self._fetch_rows(text)]
        risks = self.state.identity_risks
        kept = (
            risks.list_identities(self.workspace, kind)
            if ids is None
            else risks.find_identities(self.workspace, kind, ids).values()
        )
        return map_newest_by_key([*logged, *kept])

    def read_detections(
        self, kind: IdentityKind, ids: Collection[str] | None = None
    ) -> dict[str, RiskDetection]:
        """Return the detections on a kind of identity by lower-cased id, or those on some identities."""
        tables = TABLES[kind]
        some = "" if ids is None else f"| where {tables.id} in~ ({', '.join(map(quote_kql_text, ids))}) "
        text = f"{tables.detections} {some}| summarize arg_max(TimeGenerated, *) by Key = tolower(Id)"
        logged = [read_detection(row, kind) for row in self._fetch_rows(text)]
        risks = self.state.identity_risks
        kept = (
            risks.list_detections(self.workspace, kind)
            if ids is None
            else risks.detections_of(self.workspace, kind, ids)
        )
        found: dict[str, RiskDetection] = {}
        for one in [*logged, *kept]:
            before = found.get(one.id.lower())
            if before is None or before.updated <= one.updated:
                found[one.id.lower()] = one
        return found

    def read_history(self, kind: IdentityKind, id_: str) -> list[RiskHistoryItem]:
        """Return how the risk of an identity came to be as it is, the oldest first."""
        table = TABLES[kind].risky
        text = f"{table} | where Id =~ {quote_kql_text(id_)} and SourceSystem != '{SOURCE}' | order by TimeGenerated asc"
        logged = [RiskHistoryItem(identity=read_identity(row, kind)) for row in self._fetch_rows(text)]
        kept = self.state.identity_risks.history(self.workspace, kind, id_)
        return sorted([*logged, *kept], key=lambda one: one.identity.updated)

    def has_data(self, kind: IdentityKind) -> bool:
        """Return whether risks of a kind were read from a log or made here at all."""
        tables, risks = TABLES[kind], self.state.identity_risks
        return any(
            self._fetch_rows(f"{name} | take 1") for name in (tables.risky, tables.detections)
        ) or bool(risks.list_identities(self.workspace, kind))

    def _fetch_rows(self, text: str) -> list[dict[str, object]]:
        return query_lake(self.lake, text, self.workspace, timeout=self.timeout)


def quote_kql_text(text: str) -> str:
    """Return a text as a literal of a query."""
    return msgspec.json.encode(text.encode("utf-8", "replace").decode()).decode()
