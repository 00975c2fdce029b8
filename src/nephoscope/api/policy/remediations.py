"""Microsoft.PolicyInsights/remediations: resources that are to be brought to comply with an assignment, followed until they do.

Nothing is deployed from here: a remediation holds the resources that did not comply when it was put, and tells at any time how many of
them comply by now. It succeeded when all do.

Source: https://learn.microsoft.com/rest/api/policyinsights/remediations (2021-10-01)
"""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.api.policy.policy_states import STATES
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import ApiError, make_bad_request_error
from nephoscope.api.wire.body_schema import (
    accept_number,
    accept_text,
    declare_array,
    declare_enumeration,
    declare_integer,
    declare_object,
)
from nephoscope.api.wire.document_kinds import (
    ArmDocumentKind,
    Body,
    declare_document_operations,
    require_document,
)
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.policy_rows import iterate_rows
from nephoscope.api.wire.response import ApiResponse, answer_list, read_page_place
from nephoscope.service.arm_documents import put_document

SURFACE = ApiSurface("Remediations", "Microsoft.PolicyInsights")
TYPE = "Microsoft.PolicyInsights/remediations"
#: Beside what clients see: the resources that are followed, and when one was first seen to comply.
FOLLOWED = "followed"
MOST = 50_000
#: The version from which on a remediation says how its resources were found.
DISCOVERED = "2019-07-01"
DONE, CANCELED = "Succeeded", "Canceled"


SHAPE = declare_object(
    {"policyAssignmentId": accept_text(least=1)},
    {
        "policyDefinitionReferenceId": accept_text(),
        "resourceDiscoveryMode": declare_enumeration("ExistingNonCompliant", "ReEvaluateCompliance"),
        "resourceCount": declare_integer(1, MOST),
        "parallelDeployments": declare_integer(1, 30),
        "failureThreshold": declare_object({}, {"percentage": accept_number(0, 1)}),
        "filters": declare_object(
            {}, {"locations": declare_array(accept_text()), "resourceIds": declare_array(accept_text())}
        ),
    },
)


def make_remediation(call: ApiCall, body: Body, before: Body | None) -> Body:
    """The remediation with the resources that do not comply now; one that is changed keeps those that it has."""
    now = call.instance.now.isoformat()
    wanted = body["properties"]["policyAssignmentId"].lower()
    if before is not None and before["properties"]["policyAssignmentId"].lower() != wanted:
        raise make_bad_request_error(
            "The assignment of a remediation cannot be changed.",
            "properties.policyAssignmentId",
            "InvalidUpdateRemediationRequest",
        )
    old = before["properties"] if before is not None else {}
    state = str((old if before is not None else {}).get("provisioningState") or "Accepted")
    status = {"createdOn": old.get("createdOn", now), "lastUpdatedOn": now, "provisioningState": state}
    followed = before[FOLLOWED] if before is not None else _find_failing_resources(call, body["properties"])
    return {**body, "properties": {**body["properties"], **status}, FOLLOWED: followed}


def _find_failing_resources(call: ApiCall, properties: Body) -> list[dict[str, str]]:
    """The resources below the scope that fail the assignment, or the one policy of it that is named."""
    reference = str(properties.get("policyDefinitionReferenceId") or "").lower()
    wanted, locations = properties["policyAssignmentId"].lower(), _list_locations(properties)
    found_: dict[str, dict[str, str]] = {}
    for row in _list_states(call):
        own = str(row.get("policyDefinitionReferenceId") or "").lower()
        fits = row["policyAssignmentId"].lower() == wanted and (not reference or own == reference)
        where = str(row.get("resourceLocation") or "")
        if (
            fits
            and row["complianceState"] == "NonCompliant"
            and (not locations or where.lower() in locations)
        ):
            found_[row["resourceId"].lower()] = {"id": row["resourceId"], "location": where}
    return list(found_.values())[:MOST]


def _list_locations(properties: Body) -> frozenset[str]:
    filters = properties.get("filters") or {}
    several = filters.get("locations") or [] if isinstance(filters, dict) else []
    return frozenset(str(one).lower() for one in several)


def _list_states(call: ApiCall) -> Iterator[Body]:
    """The policy states at the scope; none where nothing was assessed yet."""
    return iterate_rows(call, STATES) if call.instance.snapshots.load_newest() is not None else iter(())


def _find_followed_states(call: ApiCall, body: Body) -> dict[str, str]:
    """Each followed resource -> whether it complies now."""
    wanted = body["properties"]["policyAssignmentId"].lower()
    failing = {
        row["resourceId"].lower()
        for row in _list_states(call)
        if row["policyAssignmentId"].lower() == wanted and row["complianceState"] != "Compliant"
    }
    return {one["id"]: "NotStarted" if one["id"].lower() in failing else DONE for one in body[FOLLOWED]}


def show_remediation(call: ApiCall, body: Body) -> Body:
    """A remediation as clients see it: with how many of its resources comply by now."""
    if FOLLOWED not in body:
        return body
    standing = _find_followed_states(call, body)
    done = sum(one == DONE for one in standing.values())
    properties = dict(body["properties"])
    if properties["provisioningState"] != CANCELED and standing and done == len(standing):
        properties["provisioningState"] = DONE
    if call.get_query_value("api-version") >= DISCOVERED:
        properties.setdefault("resourceDiscoveryMode", "ExistingNonCompliant")
    properties["deploymentStatus"] = {
        "totalDeployments": len(standing),
        "successfulDeployments": done,
        "failedDeployments": 0,
    }
    return {**{name: one for name, one in body.items() if name != FOLLOWED}, "properties": properties}


KIND = ArmDocumentKind(
    TYPE,
    "Remediations",
    "It tracks the noncompliant resources until they comply; this server deploys nothing.",
    shape=SHAPE,
    made=make_remediation,
    shown=show_remediation,
    filtered=True,
    acting=True,
)
declare_document_operations(SURFACE, KIND)


def _load_remediation(call: ApiCall) -> tuple[ApiCall, Body]:
    """The call as one of the remediation that its path names, and what is kept of it."""
    path = call.path.rstrip("/").rpartition("/")[0]
    asked = ApiCall(
        call.instance,
        call.caller,
        f"{TYPE}/read",
        call.method,
        path,
        call.base,
        call.parameters,
        call.query,
        call.headers,
    )
    require_document(asked, KIND)
    kept = call.find_stored_document(path.lower())
    if kept is None:
        raise ApiError(
            409,
            "RemediationNotKept",
            "This remediation was collected from Azure and is read-only.",
        )
    return asked, kept.body


@SURFACE.declare_post_action(f"{KIND.path}/cancel", "Remediations_Cancel", f"{TYPE}/cancel/action")
def cancel(call: ApiCall) -> ApiResponse:
    """Cancel a remediation."""
    asked, body = _load_remediation(call)
    if show_remediation(asked, body)["properties"]["provisioningState"] in (DONE, CANCELED):
        raise ApiError(
            400, "InvalidCancelRemediationRequest", "A remediation that has ended cannot be canceled."
        )
    body = {**body, "properties": {**body["properties"], "provisioningState": CANCELED}}
    body["properties"]["lastUpdatedOn"] = call.instance.now.isoformat()
    place = call.find_permission_scope(call.find_document_to_change(str(body["id"]).lower()))
    put_document(call.service, place, body, TYPE, operation=call.permission)
    return ApiResponse(show_remediation(asked, body))


@SURFACE.declare_post_query(f"{KIND.path}/listDeployments", "Remediations_ListDeployments", f"{TYPE}/read")
def list_deployments(call: ApiCall) -> ApiResponse:
    """List the resources of a remediation with their compliance; this server deploys nothing, so deployment IDs are empty."""
    asked, body = _load_remediation(call)
    standing = _find_followed_states(asked, body)
    deployments: list[dict[str, object]] = [
        {
            "remediatedResourceId": one["id"],
            "deploymentId": "",
            "status": standing[one["id"]],
            "resourceLocation": one["location"],
            "createdOn": body["properties"]["createdOn"],
            "lastUpdatedOn": body["properties"]["lastUpdatedOn"],
        }
        for one in body[FOLLOWED]
    ]
    first, most = read_page_place(call), call.read_requested_count(1000)
    more = len(deployments) > first + most
    return answer_list(call, deployments[first : first + most], str(first + most) if more else "")
