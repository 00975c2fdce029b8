"""Events of risks, as rules of response are asked about them: an identity whose risk changed, and a risk detection on a sign-in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nephoscope.model.identity_risk import IdentityKind, RiskDetection, RiskHistoryItem, RiskLevel

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.state import State

IDENTITY_CHANGED, SIGN_IN_DETECTED = "riskyIdentity.changed", "riskDetection.created"
KINDS = (IDENTITY_CHANGED, SIGN_IN_DETECTED)
#: Level of a risk -> the severity of its event.
SEVERITIES = {
    RiskLevel.HIGH: "High", RiskLevel.MEDIUM: "Medium", RiskLevel.LOW: "Low", RiskLevel.NONE: "Informational",
    RiskLevel.HIDDEN: "Informational",
}  # fmt: skip


def record_identity(state: State, session: Session, workspace: str, item: RiskHistoryItem) -> None:
    """Note that the risk of an identity changed, in the transaction of the change."""
    one = item.identity
    document = describe_identity(item)
    state.automation_runs.record_event(session, workspace, IDENTITY_CHANGED, one.key, document, one.updated)


def record_detection(state: State, session: Session, workspace: str, one: RiskDetection) -> None:
    """Note a new risk detection on a sign-in, in the transaction that keeps it."""
    if one.activity == "signin" and one.is_active:
        document = describe_detection(one)
        state.automation_runs.record_event(
            session, workspace, SIGN_IN_DETECTED, one.id, document, one.detected
        )


def describe_identity(item: RiskHistoryItem) -> dict[str, object]:
    """Return the document of a risky identity: its risk and the account as an entity."""
    one = item.identity
    return {
        "Title": f"Risk of {one.display_name or one.name or one.id}", "Severity": SEVERITIES[one.level],
        "IdentityKind": one.kind.value, "RiskLevel": one.level.value, "RiskState": one.state.value, "RiskDetail": one.detail,
        "RiskEventTypes": item.event_types,
        "ModifiedBy": item.initiated_by, "TimeGenerated": one.updated.isoformat(),
        "Entities": _build_entities(one.kind, one.id, one.name, one.display_name, one.app_id),
    }  # fmt: skip


def describe_detection(one: RiskDetection) -> dict[str, object]:
    """Return the document of a risk detection: its risk, the account and the address as entities."""
    entities = _build_entities(one.kind, one.identity, one.name, one.display_name, one.app_id)
    if one.address:
        entities.append({"Type": "ip", "Address": one.address})
    return {
        "Title": f"Risky sign-in of {one.display_name or one.name or one.identity}", "Severity": SEVERITIES[one.level],
        "IdentityKind": one.kind.value, "RiskLevel": one.level.value, "RiskState": one.state.value, "RiskDetail": one.detail,
        "RiskEventTypes": [one.event_type], "Description": "; ".join(one.reasons), "TimeGenerated": one.happened.isoformat(),
        "Entities": entities,
    }  # fmt: skip


def _build_entities(
    kind: IdentityKind, id_: str, name: str, display: str, app_id: str
) -> list[dict[str, str]]:
    if kind is not IdentityKind.USER:
        given = {"Type": "cloud-application", "Name": display or name or id_, "AppId": app_id}
        return [{key: value for key, value in given.items() if value}]
    local, _, suffix = name.partition("@")
    given = {"Type": "account", "AadUserId": id_, "Name": local, "UPNSuffix": suffix, "DisplayName": display}
    return [{key: value for key, value in given.items() if value}]


def find_newest_item(state: State, workspace: str, kind: IdentityKind, id_: str) -> Sequence[RiskHistoryItem]:
    """Return the last change of the risk of an identity, none where it never had one."""
    return state.identity_risks.history(workspace, kind, id_)[-1:]
