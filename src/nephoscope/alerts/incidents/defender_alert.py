"""An alert in the shape of Microsoft.Security: the resources that it names, and what an answer says of it.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/alerts (2022-01-01)
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from nephoscope.alerts.incidents.alert_visibility import AlertVisibility
from nephoscope.model.read_scope import Reach
from nephoscope.state.incidents.alert_scopes import resources
from nephoscope.state.incidents.alerts import StoredAlert
from nephoscope_policy.model.resource_id import ResourceId

TYPE = "Microsoft.Security/locations/alerts"
#: Where an alert that was raised here stands.
LOCATION = "global"
#: Our word for how an alert stands -> Azure's, where it has another.
STATUSES = {"New": "Active"}


def find_visible_resources(alert: StoredAlert, reach: Reach) -> Iterator[ResourceId]:
    """The resources within a reach that an alert names."""
    return (
        one for one in resources(alert.document) if reach.can_read(one.subscription, one.resource_group_id)
    )


def build_alert_body(
    alert: StoredAlert, resource: ResourceId | None, sight: AlertVisibility, base: str
) -> dict[str, Any]:
    """An alert as it is told in the subscription of a resource that it names; `base` is the address of the pages."""
    subscription = resource.subscription if resource else ""
    return {
        "id": f"/subscriptions/{subscription}/providers/Microsoft.Security/locations/{LOCATION}/alerts/{alert.id}",
        "name": alert.id,
        "type": "Microsoft.Security/Locations/alerts",
        "properties": sight.redact_properties(_build_properties(alert, resource, base)),
    }


def _build_properties(alert: StoredAlert, resource: ResourceId | None, base: str) -> dict[str, Any]:
    row = alert.document
    steps = row.get("RemediationSteps") or "[]"
    return {
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
        "status": STATUSES.get(str(row["Status"]), str(row["Status"])),
        "alertUri": f"{base}/incidents/{alert.incident}" if alert.incident else base,
        "timeGeneratedUtc": row["TimeGenerated"],
        "productName": row["ProductName"],
        "processingEndTimeUtc": row["ProcessingEndTime"],
        "entities": json.loads(row["Entities"] or "[]"),
        "isIncident": False,
        "extendedProperties": json.loads(row["ExtendedProperties"] or "{}"),
        "compromisedEntity": row["CompromisedEntity"],
        "techniques": json.loads(row.get("Techniques") or "[]"),
        "subTechniques": json.loads(row.get("SubTechniques") or "[]"),
    }
