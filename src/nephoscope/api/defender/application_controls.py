"""Microsoft.Security/applicationWhitelistings: groups of machines with what may run on them (adaptive application controls).

Groups that were learned here are served as proposals until a policy is put or accepted in their place.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/adaptive-application-controls (2020-01-01)
"""

from __future__ import annotations

import msgspec

from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.arm_documents import is_visible
from nephoscope.api.wire.azure_error import make_bad_request_error
from nephoscope.api.wire.body_schema import (
    accept_anything,
    accept_text,
    declare_array,
    declare_enumeration,
    declare_object,
)
from nephoscope.api.wire.document_kinds import ArmDocumentKind, Body, declare_document_operations
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.protect.applications.group_document import (
    MODES,
    complete_path,
    describe_group_state,
    has_comparable_rule,
    read_properties,
    render_group,
)
from nephoscope.protect.applications.learned_group import TYPE
from nephoscope.service.application_control import list_groups, publish_policies

SURFACE = ApiSurface("Adaptive application controls", "Microsoft.Security")
_MODE = declare_enumeration(*MODES)
_ACTIONS = declare_enumeration("Recommended", "Add", "Remove")
_TYPES = declare_enumeration(
    "File",
    "FileHash",
    "PublisherSignature",
    "ProductSignature",
    "BinarySignature",
    "VersionAndAboveSignature",
)
_MACHINE = (
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/"
    r"Microsoft\.(?:(?:Classic)?Compute/virtualMachines|HybridCompute/machines)/[^/]+"
)
SHAPE = declare_object(
    {},
    {
        "enforcementMode": _MODE,
        "protectionMode": declare_object({}, dict.fromkeys(("exe", "msi", "script", "executable"), _MODE)),
        "vmRecommendations": declare_array(
            declare_object(
                {"resourceId": accept_text(_MACHINE, "the id of a virtual machine")},
                {"recommendationAction": _ACTIONS},
            )
        ),
        "pathRecommendations": declare_array(
            declare_object({}, {"path": accept_anything, "action": _ACTIONS, "type": _TYPES})
        ),
    },
)


def check_group(body: Body) -> None:
    """Fault where a member that decides has another type: no policy of the instance could be published any more."""
    try:
        read_properties(body)
    except msgspec.ValidationError as error:
        problem, _, place = str(error).partition(" - at `$")
        raise make_bad_request_error(f"{problem}.", f"properties{place.rstrip('`')}") from error


def make_group(call: ApiCall, body: Body, _: Body | None) -> Body:
    """Return what people put with what the server says of it: which of its rules executions can be compared with."""
    defaults = {
        "enforcementMode": "Audit", "recommendationStatus": "NotRecommended", "configurationStatus": "Configured",
        "sourceSystem": "None", "issues": [], "vmRecommendations": [], "pathRecommendations": [],
    }  # fmt: skip
    properties = {**defaults, **body["properties"]}
    properties["pathRecommendations"] = [
        _complete_path_with_status(one) for one in properties["pathRecommendations"]
    ]
    return {**body, "location": call["locationsName"], "properties": properties}


def _complete_path_with_status(one: Body) -> Body:
    status = "Configured" if has_comparable_rule(one) else "Failed"
    return {**complete_path(one), "configurationStatus": status}


def show_group(call: ApiCall, body: Body) -> Body:
    """Return a policy with what is known of its group now."""
    key, properties = str(body["id"]).lower(), body["properties"]
    group = next((one for one in list_groups(call.service) if one.id.lower() == key), None)
    if group is None:
        return body
    return {
        **body,
        "properties": {**properties, **describe_group_state(group, properties["enforcementMode"])},
    }


def propose_groups(call: ApiCall) -> list[Body]:
    """Return the learned groups below the scope of a call for which no policy is accepted."""
    kept, location = call.instance.state.arm_documents, f"/locations/{call['locationsName'].lower()}/"
    return [
        render_group(one, "None", (rule for rule in one.rules if rule.is_recommended))
        for one in list_groups(call.service)
        if one.id.lower().startswith(f"{call.listing_scope}/")
        and (location == "/locations//" or location in one.id.lower())
        and is_visible(call.reach, one.id.lower())
        and kept.get(one.id.lower()) is None
    ]


def publish_accepted_policies(call: ApiCall, _: Body) -> None:
    """Let detections compare executions with what is accepted now."""
    publish_policies(call.service, call.instance.lake)


declare_document_operations(
    SURFACE,
    ArmDocumentKind(
        TYPE,
        "AdaptiveApplicationControls",
        "Executions that it does not allow raise alerts; in the mode Enforce, agents that opted in block them.",
        shape=SHAPE,
        check=check_group,
        made=make_group,
        shown=show_group,
        own=propose_groups,
        stored=publish_accepted_policies,
        forgotten=publish_accepted_policies,
        created=200,
        acting=True,
    ),
)
