"""Behavior analytics, as its settings are shown and changed."""

from __future__ import annotations

from typing import Annotated

import msgspec

from nephoscope.behavior.settings import BehaviorSettings, BehaviorSettingsError
from nephoscope.operations.declaration.operation import (
    ApiRoute,
    CommandLine,
    OperationCall,
    OperationGroup,
    translate_errors,
)
from nephoscope.operations.declaration.operation_page import OperationForm, PageColumn, Row, SectionList
from nephoscope.operations.declaration.request_field import describe, request_fields
from nephoscope.operations.declaration.schemas import InWorkspace, Shape, to_shape
from nephoscope.service import behavior as service
from nephoscope.service.behavior import READ, WRITE

OPERATIONS = OperationGroup("behavior", "Behavior", "A setting")


class BehaviorChange(InWorkspace, frozen=True, kw_only=True):
    """Settings to change; what is left out stays."""

    learning_days: (
        Annotated[
            int,
            describe("Days of history required before an event counts as a first occurrence.", ge=1, le=180),
        ]
        | None
    ) = None
    active_days: (
        Annotated[
            int, describe("Active days required before an event counts as a first occurrence.", ge=1, le=180)
        ]
        | None
    ) = None
    shared_users: (
        Annotated[int, describe("Number of users from which an address counts as shared egress.", ge=2)]
        | None
    ) = None
    peers: Annotated[int, describe("Number of peers that a user is compared with.", ge=1, le=100)] | None = (
        None
    )
    overlap_minutes: (
        Annotated[
            int,
            describe("Minutes of recent data that each run reads again, for late rows.", ge=1, le=1440),
        ]
        | None
    ) = None
    anomaly_priority: (
        Annotated[int, describe("Minimum priority of rows that are also written to Anomalies.", ge=1, le=10)]
        | None
    ) = None


class BehaviorSettingsShape(Shape, frozen=True, kw_only=True):
    """The settings of behavior analytics in a workspace."""

    learning_days: int
    active_days: int
    shared_users: int
    peers: int
    overlap_minutes: int
    anomaly_priority: int


def _print_settings(found: dict[str, int]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in found.items())


def _list_rows(found: BehaviorSettingsShape) -> list[Row]:
    """Return a row for each setting: what it means, its value, and the one that it has until somebody changes it."""
    default = BehaviorSettings()
    fields = [one for one in request_fields(BehaviorChange) if one.name != "workspace"]
    return [
        {
            "setting": one.label, "value": getattr(found, one.name), "default": getattr(default, one.name),
            "meaning": one.help.rstrip("."), "name": one.name,
        }
        for one in fields
    ]  # fmt: skip


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/behaviorSettings"),
    page=SectionList(
        "Behavior analytics", "Detection", "setting", "When activity of users, applications and machines counts as an anomaly.",
        key="name", name="setting", rows=_list_rows, guide="behavior.md",
        columns=(
            PageColumn("setting", "Setting"), PageColumn("value", "Value"), PageColumn("default", "Default", optional=True),
            PageColumn("meaning", "Meaning", optional=True),
        ),
    ),
)  # fmt: skip
def get_behavior_settings(call: OperationCall, query: InWorkspace) -> BehaviorSettingsShape:
    """Return the settings of behavior analytics in a workspace."""
    return to_shape(
        BehaviorSettingsShape, service.read_behavior_settings(call.service, call.workspace(query.workspace))
    )


@OPERATIONS.operation(
    WRITE, ApiRoute("PATCH", "/behaviorSettings"), page=OperationForm("Change settings", fills=True)
)
def change_behavior_settings(call: OperationCall, body: BehaviorChange) -> BehaviorSettingsShape:
    """Change settings of behavior analytics; profiles that were learned before stay."""
    return to_shape(BehaviorSettingsShape, _change_settings(call, body))


@OPERATIONS.operation(WRITE, command=CommandLine("settings", _print_settings))
def show_or_change_settings(call: OperationCall, body: BehaviorChange) -> dict[str, int]:
    """Show or change the settings of behavior analytics."""
    return msgspec.convert(msgspec.to_builtins(_change_settings(call, body)), dict[str, int])


def _change_settings(call: OperationCall, body: BehaviorChange) -> BehaviorSettings:
    """Change the settings that a request names, and return all."""
    own = call.workspace(body.workspace)
    names = set(BehaviorChange.__struct_fields__) - {"workspace"}
    given = {name: value for name in sorted(names) if (value := getattr(body, name)) is not None}
    if not given:
        return service.read_behavior_settings(call.service, own)
    with translate_errors("", BehaviorSettingsError):
        return service.change_behavior_settings(call.service, own, given)
