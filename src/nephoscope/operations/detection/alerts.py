"""Alerts, as commands set their status."""

from __future__ import annotations

from typing import Annotated, Literal

from nephoscope.operations.declaration.operation import CommandLine, OperationCall, OperationGroup
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import InWorkspace, Text

OPERATIONS = OperationGroup("alerts", "Alerts", "An alert", "List alerts and set their status.")


class AlertStatuses(InWorkspace, frozen=True, kw_only=True):
    """A status for alerts."""

    ids: Annotated[tuple[Text, ...], describe("IDs.", metavar="ID...", argument=True)]
    status: Annotated[Literal["New", "InProgress", "Resolved", "Dismissed"], describe("New status.")]


@OPERATIONS.operation(
    "Microsoft.Security/locations/alerts/dismiss/action", command=CommandLine("set"), needs_lake=True
)
def change_alerts(call: OperationCall, body: AlertStatuses) -> None:
    """Set the status of the alerts ID. If one of them does not exist, none is changed."""
    from nephoscope.service.alerts import set_status_by_id

    ids = [one.lower() for one in body.ids]
    set_status_by_id(call.service, call.workspace(body.workspace), ids, body.status)
