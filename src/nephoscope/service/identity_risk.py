"""The risk of users, service principals and agents: confirm that they are compromised or safe, or dismiss it.

Source: https://learn.microsoft.com/graph/api/resources/identityprotection-overview
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from nephoscope.identity.risk_decisions import COMPROMISED, DISMISS, IDENTITY_DECISIONS, SIGN_IN_DECISIONS
from nephoscope.identity.risk_ledger import RiskLedger
from nephoscope.identity.risk_reader import RiskReader, quote_kql_text
from nephoscope.identity.risk_rows import query_lake
from nephoscope.lake.writing.outbox import deliver_pending_rows
from nephoscope.model.identity_risk import (
    IdentityKind,
    RiskDetection,
    RiskLevel,
    RiskState,
    RiskyIdentity,
    read_level,
)
from nephoscope.service.actors import ROOT_SCOPE
from nephoscope.service.service_context import get_workspace_scope
from nephoscope.state.database.state_errors import NotFoundError, StateError
from nephoscope.state.workspaces.workspace import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nephoscope.lake.lake import Lake
    from nephoscope.service.service_context import ServiceContext

READ, WRITE = "Nephoscope/identityProtection/read", "Nephoscope/identityProtection/write"
LOGS = "Microsoft.OperationalInsights/workspaces/query/read"
#: Kind -> the word of its collection, as the audit names it.
COLLECTIONS = {
    IdentityKind.USER: "riskyUsers",
    IdentityKind.SERVICE_PRINCIPAL: "riskyServicePrincipals",
    IdentityKind.AGENT: "riskyAgents",
}


def open_risk_reader(context: ServiceContext, lake: Lake, workspace: str = DEFAULT) -> RiskReader:
    """Return what reads the risks of a workspace; DeniedError for who may not read them, or not the logs that they come from."""
    context.require(READ, ROOT_SCOPE)
    context.require(LOGS, get_workspace_scope(workspace))
    return RiskReader(lake, context.state, workspace)


def decide_risk(
    context: ServiceContext,
    lake: Lake,
    kind: IdentityKind,
    decision: str,
    ids: Sequence[str],
    workspace: str = DEFAULT,
) -> None:
    """Make one of IDENTITY_DECISIONS on identities and on their active detections, in one transaction with its audit entry.

    Raises NotFoundError for an identity that nothing is known of, StateError for one that is deleted and would be dismissed.
    """
    context.require(WRITE, ROOT_SCOPE)
    decided = IDENTITY_DECISIONS[kind][decision]
    reader = RiskReader(lake, context.state, workspace)
    known = reader.read_identities(kind, ids)
    for id_ in ids:
        found = known.get(id_.lower())
        if found is None and decision == COMPROMISED:
            found = _find_user_without_risk(context, lake, kind, id_, workspace)
        if found is None:
            raise NotFoundError(f"Nothing is known of the risk of '{id_[:100]}'.")
        if found.deleted and decision == DISMISS:
            raise StateError(f"'{id_[:100]}' is deleted: the risk of deleted identities cannot be dismissed.")
        known[id_.lower()] = found
    detections = reader.read_detections(kind, ids).values()
    with context.state.transaction() as session:
        ledger = RiskLedger(context.state, workspace, context.now)
        ledger.decide(session, list(known.values()), list(detections), decided, decision, context.author)
        context.enter(session, WRITE, f"{COLLECTIONS[kind]}/{decision}", ids=list(ids), workspace=workspace)
    deliver_pending_rows(lake, context.state)


def decide_sign_ins(
    context: ServiceContext, lake: Lake, decision: str, requests: Sequence[str], workspace: str = DEFAULT
) -> None:
    """Make one of SIGN_IN_DECISIONS on sign-ins, by the ids of their requests; NotFoundError for one that is not in the log."""
    context.require(WRITE, ROOT_SCOPE)
    risks = context.state.identity_risks
    detections = risks.detections_of_sign_ins(workspace, requests)
    found = {one.request.lower() for one in detections}
    missing = [one for one in requests if one.lower() not in found]
    detections += _list_detections_of_log(context, lake, missing, workspace) if missing else []
    users = {one.identity for one in detections}
    others = RiskReader(lake, context.state, workspace).read_detections(IdentityKind.USER, sorted(users))
    with context.state.transaction() as session:
        ledger = RiskLedger(context.state, workspace, context.now)
        decided = SIGN_IN_DECISIONS[decision]
        ledger.decide_sign_ins(session, detections, others.values(), decided, decision, context.author)
        context.enter(session, WRITE, f"signIns/{decision}", requestIds=list(requests), workspace=workspace)
    deliver_pending_rows(lake, context.state)


def _find_user_without_risk(
    context: ServiceContext, lake: Lake, kind: IdentityKind, id_: str, workspace: str
) -> RiskyIdentity | None:
    """Return a user whom the directory knows and who was never at risk, None where it does not."""
    if kind is not IdentityKind.USER:
        return None
    text = f"IdentityInfo | where AccountObjectId =~ {quote_kql_text(id_)} | top 1 by TimeGenerated"
    rows = query_lake(lake, text, workspace)
    if not rows:
        return None
    return RiskyIdentity(
        kind=kind, id=id_, level=RiskLevel.NONE, state=RiskState.NONE, updated=context.now, name=str(rows[0]["AccountUPN"]),
        display_name=str(rows[0]["AccountDisplayName"]),
    )  # fmt: skip


def _list_detections_of_log(
    context: ServiceContext, lake: Lake, requests: Sequence[str], workspace: str
) -> list[RiskDetection]:
    """Return a detection for each of some sign-ins that none is kept of."""
    text = f"SigninLogs | where Id in~ ({', '.join(map(quote_kql_text, requests))}) | summarize arg_max(TimeGenerated, *) by Id"
    rows = {str(row["Id"]).lower(): row for row in query_lake(lake, text, workspace)}
    for one in requests:
        if one.lower() not in rows:
            raise NotFoundError(f"No sign-in has the ID '{one[:100]}'.")
    return [_make_detection(row, context) for row in rows.values()]


def _make_detection(row: dict[str, object], context: ServiceContext) -> RiskDetection:
    location = row["LocationDetails"]
    given = read_level(row["RiskLevelAggregated"])
    return RiskDetection(
        id=str(uuid4()), kind=IdentityKind.USER, identity=str(row["UserId"]), event_type="generic",
        level=given if given not in (RiskLevel.NONE, RiskLevel.HIDDEN) else RiskLevel.HIGH,
        happened=_read_time(row), detected=context.now, updated=context.now, request=str(row["Id"]),
        correlation=str(row["CorrelationId"]), address=str(row["IPAddress"]),
        location=location if isinstance(location, dict) else {}, name=str(row["UserPrincipalName"]),
        display_name=str(row["UserDisplayName"]), reasons=["an administrator decided on the sign-in"],
    )  # fmt: skip


def _read_time(row: dict[str, object]) -> datetime:
    return datetime.fromisoformat(str(row["TimeGenerated"]))
