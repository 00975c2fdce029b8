"""Behavior analytics, as its settings are shown and changed."""

from __future__ import annotations

from typing import Annotated

import msgspec

from nephoscope.operations.declaration.operation import CommandLine, OperationCall, OperationGroup
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import InWorkspace

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
        Annotated[int, describe("Active days that an entity needs before that.", ge=1, le=180)] | None
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


def _print_settings(found: dict[str, int]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in found.items())


@OPERATIONS.operation("Nephoscope/behavior/write", command=CommandLine("settings", _print_settings))
def settings(call: OperationCall, body: BehaviorChange) -> dict[str, int]:
    """Show or change the settings of behavior analytics."""
    from nephoscope.behavior.settings import load_settings
    from nephoscope.service.behavior import change_behavior_settings

    own = call.workspace(body.workspace)
    names = set(BehaviorChange.__struct_fields__) - {"workspace"}
    given = {name: value for name in sorted(names) if (value := getattr(body, name)) is not None}
    kept = change_behavior_settings(call.service, own, given) if given else load_settings(call.state, own)
    return msgspec.convert(msgspec.to_builtins(kept), dict[str, int])
