"""Suppressions of alerts, as they are listed, shown, changed and ended."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated

from msgspec import UNSET, UnsetType

from nephoscope.operations.declaration.operation import CommandLine, OperationCall, OperationGroup
from nephoscope.operations.declaration.operation_page import Row
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import InWorkspace, Text

OPERATIONS = OperationGroup("suppressions", "Suppressions", "A suppression")
READ, WRITE, DELETE = (
    f"Microsoft.Security/alertsSuppressionRules/{one}" for one in ("read", "write", "delete")
)


class SuppressionChange(InWorkspace, frozen=True, kw_only=True):
    """Changes of a suppression; what is left out stays."""

    enabled: (
        Annotated[bool, describe("Enable or disable the suppression.", option="--enable/--disable")]
        | UnsetType
    ) = UNSET
    expires: Annotated[datetime, describe("New expiry.", metavar="TIME")] | UnsetType = UNSET
    comment: Annotated[Text, describe("New comment.", metavar="TEXT")] | UnsetType = UNSET


@OPERATIONS.operation(
    READ,
    command=CommandLine(
        "list",
        columns=("name", "rule", "state", "conditions", "expires", "held", "author", "id"),
        nothing="no suppressions",
    ),
)
def list_suppressions(call: OperationCall, query: InWorkspace) -> list[Row]:
    """List suppressions with their number of suppressed alerts."""
    from nephoscope.alerts.suppression.condition import conditions

    own, now = call.workspace(query.workspace), datetime.now(UTC)
    held = call.state.alerts.count_suppressed(own)
    return [
        {
            "name": one.name, "rule": one.rule, "state": one.status(now),
            "conditions": [str(each) for each in conditions(one.conditions)],
            "expires": one.expires, "held": held.get(one.id, 0), "reason": one.reason, "comment": one.comment, "author": one.author,
            "created": one.created, "changed": one.changed, "advice": one.advice, "id": one.id,
        }
        for one in call.state.suppressions.all(own)
    ]  # fmt: skip


@OPERATIONS.operation(READ, command=CommandLine("show", lambda found: found))
def show(call: OperationCall, name: Text, query: InWorkspace) -> str:
    """Print the suppression NAME (or ID) as an Azure alertsSuppressionRules document."""
    from nephoscope.alerts.tuning.azure_suppression_rule import to_document

    found = call.state.suppressions.find(call.workspace(query.workspace), name)
    return json.dumps(to_document(found, datetime.now(UTC)), indent=2, ensure_ascii=False)


@OPERATIONS.operation(WRITE, command=CommandLine("set"))
def change(call: OperationCall, name: Text, body: SuppressionChange) -> None:
    """Change the suppression NAME (or ID)."""
    from nephoscope.service.suppressions import change_suppression

    given = {"enabled": body.enabled, "expires": body.expires, "comment": body.comment}
    changes = {word: value for word, value in given.items() if value is not UNSET}
    change_suppression(call.service, call.workspace(body.workspace), name, **changes)


@OPERATIONS.operation(WRITE, command=CommandLine("expire"))
def expire(call: OperationCall, name: Text, query: InWorkspace) -> None:
    """End the suppression NAME (or ID) now; it stays in the list."""
    from nephoscope.service.suppressions import end_suppression

    end_suppression(call.service, call.workspace(query.workspace), name)


@OPERATIONS.operation(DELETE, command=CommandLine("delete"))
def delete(call: OperationCall, name: Text, query: InWorkspace) -> None:
    """Delete the suppression NAME (or ID); suppressed alerts stay dismissed."""
    from nephoscope.service.suppressions import delete_suppression

    delete_suppression(call.service, call.workspace(query.workspace), name)
