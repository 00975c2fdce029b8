"""The risk of users and applications: confirm that they are compromised, or dismiss it.

Source: https://learn.microsoft.com/graph/api/resources/identityprotection-overview
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nephoscope.lake.writing.outbox import deliver_pending
from nephoscope.service.actors import ROOT_SCOPE
from nephoscope.state.workspaces.workspace import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nephoscope.lake.lake import Lake
    from nephoscope.service.service_context import ServiceContext

READ, WRITE = "Nephoscope/identityProtection/read", "Nephoscope/identityProtection/write"


@dataclass(frozen=True, slots=True)
class RiskDecision:
    """What the risk is once it was decided: `detail` has a place for the word for what it is about."""

    state: str
    level: str
    detail: str


DECISIONS: Mapping[str, RiskDecision] = {
    "confirmCompromised": RiskDecision("confirmedCompromised", "high", "adminConfirmed{}Compromised"),
    "dismiss": RiskDecision("dismissed", "none", "adminDismissedAllRiskFor{}"),
}


def decide_risk(
    context: ServiceContext,
    lake: Lake,
    table: str,
    rows: Sequence[Mapping[str, object]],
    decision: str,
    *,
    who: str,
    target: str,
    **detail: Any,
) -> None:
    """Add a row with one of DECISIONS for each of the newest rows of users or applications to their table.

    `who` is the word for one of them in the detail of the risk; `target` and further details name them in the entry.
    """
    context.require(WRITE, ROOT_SCOPE)
    decided = DECISIONS[decision]
    change = {
        "RiskState": decided.state,
        "RiskLevel": decided.level,
        "RiskDetail": decided.detail.format(who),
        "RiskLastUpdatedDateTime": context.now.isoformat(),
        "OperationName": decision,
    }
    with context.state.transaction() as session:
        for one in rows:
            kept = {name: value for name, value in one.items() if name[:1] != "_" and name != "TimeGenerated"}
            context.state.outbox.add(session, DEFAULT, table, kept | change)
        context.enter(session, WRITE, f"{target}/{decision}", **detail)
    deliver_pending(lake, context.state)
