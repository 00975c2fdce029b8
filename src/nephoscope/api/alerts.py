"""Microsoft.Security: alerts about resources of a subscription, and what people decide of them.

An alert is listed in the subscriptions of the resources that it names; one that names none is found through its incident.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/alerts (2022-01-01)
"""

from __future__ import annotations

import json
from typing import Any

from nephoscope.alerts.desk import Desk
from nephoscope.api.wire.answer import NO_CONTENT, Answer, listed, resumed
from nephoscope.api.wire.call import Call
from nephoscope.api.wire.fault import missing
from nephoscope.api.wire.operation import Surface
from nephoscope.lake.outbox import deliver
from nephoscope.lake.state.alerts import StoredAlert
from nephoscope.model.resource_id import ResourceId

SURFACE = Surface("Alerts", "Microsoft.Security")
READ = "Microsoft.Security/alerts/read"
LOCATION = "global"
MOST = 1000
_SUBSCRIPTION = "/subscriptions/{subscriptionId}"
_GROUP = f"{_SUBSCRIPTION}/resourceGroups/{{resourceGroupName}}"
_PROVIDER = "providers/Microsoft.Security"
#: What is asked for -> the status that the alert has then.
ACTS = {
    "dismiss": "Dismissed",
    "resolve": "Resolved",
    "activate": "New",
    "reactivate": "New",
    "inProgress": "InProgress",
}
_STATUSES = {"New": "Active"}


def _declare_lists() -> None:
    for root, name in ((_SUBSCRIPTION, ""), (_GROUP, "ByResourceGroup")):

        @SURFACE.get(f"{root}/{_PROVIDER}/alerts", f"Alerts_List{name}", READ)
        def _list(call: Call) -> Answer:
            """The alerts about resources below a scope, the newest first."""
            return _listed(call)

        where = f"{root}/{_PROVIDER}/locations/{{ascLocation}}/alerts"

        @SURFACE.get(where, f"Alerts_ListByLocation{name}", READ)
        def _by_location(call: Call) -> Answer:
            """The same: all alerts are at one location."""
            return _listed(call)

        @SURFACE.get(f"{where}/{{alertName}}", f"Alerts_Get{name}", READ)
        def _get(call: Call) -> Answer:
            """One alert."""
            return Answer(body(call, _found(call)))

        for act, status in ACTS.items():
            _declare_act(
                f"{where}/{{alertName}}/{act}", f"Alerts_{act[0].upper()}{act[1:]}{name}", act, status
            )


def _declare_act(path: str, name: str, act: str, status: str) -> None:
    # older clients say reactivate
    permission = (
        f"Microsoft.Security/locations/alerts/{act.removeprefix('re') if act == 'reactivate' else act}/action"
    )

    @SURFACE.act(path, name, permission)
    def _act(call: Call) -> Answer:
        """Say how an alert stands."""
        alert = _found(call)
        Desk(call.instance.state, alert.workspace).alert(alert.id, status, call.instance.now)
        with call.instance.state.transaction() as session:
            call.instance.state.audit.add(
                session, call.caller.name, permission, alert.id, address=call.caller.address
            )
        deliver(call.instance.lake, call.instance.state)
        return NO_CONTENT


_declare_lists()


def _listed(call: Call) -> Answer:
    below = call.below
    found = [
        one
        for workspace in call.instance.state.workspaces.all()
        for one in call.instance.state.alerts.newest(workspace.name, most=10_000)
        if (resource := resource_of(one)) is not None and f"{resource.key}/".startswith(f"{below}/")
        if call.reach.sees(resource.subscription, resource.resource_group_id)
    ]
    found.sort(key=lambda one: one.started, reverse=True)
    start = int(resumed(call) or 0)
    page = found[start : start + MOST]
    return listed(
        call, [body(call, one) for one in page], str(start + MOST) if len(found) > start + MOST else ""
    )


def _found(call: Call) -> StoredAlert:
    found = call.instance.state.alerts.get(call["alertName"].lower())
    resource = resource_of(found) if found is not None else None
    if (
        found is None
        or resource is None
        or not call.reach.sees(resource.subscription, resource.resource_group_id)
    ):
        raise missing(f"The alert '{call['alertName']}'")
    if not f"{resource.key}/".startswith(f"{call.below}/"):
        raise missing(f"The alert '{call['alertName']}'")
    return found


def resource_of(alert: StoredAlert) -> ResourceId | None:
    """The first resource of a subscription that an alert names."""
    candidates = [str(alert.document.get("_ResourceId") or "")]
    for entity in json.loads(alert.document.get("Entities") or "[]"):
        candidates += [str(entity.get(name) or "") for name in ("ResourceId", "AzureID")]
    for text in candidates:
        try:
            found = ResourceId.parse(text) if text else None
        except ValueError:
            continue
        if found is not None and found.subscription:
            return found
    return None


def body(call: Call, alert: StoredAlert) -> dict[str, Any]:
    """An alert in the shape of the API."""
    row, resource = alert.document, resource_of(alert)
    subscription = resource.subscription if resource else ""
    steps = row.get("RemediationSteps") or "[]"
    return {
        "id": f"/subscriptions/{subscription}/{_PROVIDER}/locations/{LOCATION}/alerts/{alert.id}",
        "name": alert.id,
        "type": "Microsoft.Security/Locations/alerts",
        "properties": {
            "version": "2022-01-01",
            "alertType": row["AlertType"],
            "systemAlertId": alert.id,
            "productComponentName": row.get("ProductComponentName", ""),
            "alertDisplayName": row["AlertName"],
            "description": row["Description"],
            "severity": row["AlertSeverity"],
            "intent": str(row["Tactics"]).replace(", ", ","),
            "startTimeUtc": row["StartTime"],
            "endTimeUtc": row["EndTime"],
            "resourceIdentifiers": [
                {"type": "AzureResource", "azureResourceId": resource.key if resource else ""}
            ],
            "remediationSteps": json.loads(steps) if steps.startswith("[") else [steps],
            "vendorName": row["VendorName"],
            "status": _STATUSES.get(str(row["Status"]), str(row["Status"])),
            "alertUri": f"{call.base}/incidents/{alert.incident}" if alert.incident else call.base,
            "timeGeneratedUtc": row["TimeGenerated"],
            "productName": row["ProductName"],
            "processingEndTimeUtc": row["ProcessingEndTime"],
            "entities": json.loads(row["Entities"] or "[]"),
            "isIncident": False,
            "extendedProperties": json.loads(row["ExtendedProperties"] or "{}"),
            "compromisedEntity": row["CompromisedEntity"],
            "techniques": json.loads(row.get("Techniques") or "[]"),
        },
    }
