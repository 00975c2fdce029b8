"""Microsoft.PolicyInsights: policy states, row by row and summed up, and the demand for a new evaluation.

Source: https://learn.microsoft.com/rest/api/policyinsights/policy-states (2019-10-01)
"""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime, timedelta
from itertools import islice
from urllib.parse import quote

from nephoscope.api.wire import odata_metadata
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import ApiError, make_bad_request_error, make_not_found_error
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.policy_rows import PolicyRowSource, answer_policy_rows, iterate_rows, parse_filter
from nephoscope.api.wire.policy_summary import Summary
from nephoscope.api.wire.response import ApiResponse
from nephoscope.instance import FAILED
from nephoscope.posture.scans.scan import read_last_scan_request
from nephoscope.service.assessment_requests import TRIGGER, request_assessment

SURFACE = ApiSurface("Policy insights", "Microsoft.PolicyInsights")
READ = "Microsoft.PolicyInsights/policyStates/read"
QUERY = "Microsoft.PolicyInsights/policyStates/queryResults/action"
SUMMARIZE = "Microsoft.PolicyInsights/policyStates/summarize/action"
_PROVIDER = "{scope}/providers/Microsoft.PolicyInsights/policyStates"
STATES = PolicyRowSource("policyStates", "microsoft.policyinsights/policystates", "latest")
MOST = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
XML = {"Content-Type": "application/xml"}


@SURFACE.declare_post_query(
    f"{_PROVIDER}/{{policyStatesResource}}/queryResults", "PolicyStates_ListQueryResults", QUERY
)
def query_results(call: ApiCall) -> ApiResponse:
    """List the policy states at a scope; supports `$filter`."""
    _require_latest(call)
    return answer_policy_rows(call, STATES)


@SURFACE.declare_post_query(
    f"{_PROVIDER}/{{policyStatesSummaryResource}}/summarize", "PolicyStates_Summarize", SUMMARIZE
)
def summarize_states(call: ApiCall) -> ApiResponse:
    """Count the noncompliant resources and policies at a scope, by assignment and by policy."""
    _require_latest(call)
    test = parse_filter(call)
    states = [one for one in iterate_rows(call, STATES) if test(one)]
    assigned = "/policyassignments/" in call.scope
    summary = Summary(
        lambda condition: _add_failing_condition(call, condition),
        call.get_query_value("api-version"),
        assigned,
    )
    most = 0 if call.get_query_value("$top") == "0" else call.read_requested_count(MOST)
    context = STATES.build_context(call, "summary")
    compliance = {
        "@odata.id": None,
        "@odata.context": f"{context}/$entity",
        "results": summary.summarize_results(states),
        "policyAssignments": list(islice(summary.summarize_assignments(states), most)),
    }
    return ApiResponse({"@odata.context": context, "@odata.count": 1, "value": [compliance]})


@SURFACE.get(f"{_PROVIDER}/$metadata", "PolicyStates_GetMetadata", READ)
def describe_state_fields(_: ApiCall) -> ApiResponse:
    """Get the OData metadata of policy states."""
    return ApiResponse(odata_metadata.render_metadata("PolicyState", ("default", "latest")), headers=XML)


@SURFACE.declare_post_action(
    f"{_PROVIDER}/latest/triggerEvaluation", "PolicyStates_TriggerEvaluation", TRIGGER
)
def trigger_evaluation(call: ApiCall) -> ApiResponse:
    """Request an evaluation; it starts soon, and the Location of the answer reports when its results are published."""
    if read_last_scan_request(call.instance.data) is None:
        text = "Nothing was ever scanned: connect a tenant, or run nephoscope scan, and there is something to evaluate."
        raise ApiError(409, "Conflict", text)
    asked = request_assessment(call.service, call.scope)
    name = _format_operation_name(asked)
    address = (
        f"{call.base}{call.listing_scope}/providers/Microsoft.PolicyInsights/asyncOperationResults/{name}"
    )
    return _build_pending_answer(f"{address}?api-version={quote(call.get_query_value('api-version'))}")


@SURFACE.get(
    "{scope}/providers/Microsoft.PolicyInsights/asyncOperationResults/{operationId}",
    "PolicyStates_AsyncOperationResult",
    "Microsoft.PolicyInsights/asyncOperationResults/read",
)
def get_result(call: ApiCall) -> ApiResponse:
    """Return the progress of a requested evaluation: 202 until its results are published, then 200."""
    asked = _parse_operation_time(call["operationId"])
    if asked is None or asked > call.instance.now:
        raise make_not_found_error(f"The operation '{call['operationId'][:60]}'")
    snapshot = call.instance.snapshots.load_newest()
    if snapshot is not None and snapshot.build_info.when >= asked:
        return ApiResponse(None, 200)
    if failed := call.instance.state.checkpoints.get(*FAILED):
        raise ApiError(500, "EvaluationFailed", f"The evaluation failed and will be retried: {failed}")
    return _build_pending_answer(
        f"{call.base}{call.path}?api-version={quote(call.get_query_value('api-version'))}"
    )


def _build_pending_answer(address: str) -> ApiResponse:
    return ApiResponse(None, 202, {"Location": address, "Retry-After": "15"})


def _format_operation_name(asked: datetime) -> str:
    """The name of an operation: when it was asked for, and what nobody guesses."""
    since = int((asked - _EPOCH) / timedelta(microseconds=1))
    return str(uuid.UUID(int=since << 64 | secrets.randbits(64)))


def _parse_operation_time(name: str) -> datetime | None:
    """When an operation was asked for, None where its name is none of ours."""
    try:
        since = uuid.UUID(name).int >> 64
        return _EPOCH + timedelta(microseconds=since)
    except (ValueError, OverflowError):
        return None


def _require_latest(call: ApiCall) -> None:
    word = (call["policyStatesResource"] or call["policyStatesSummaryResource"]).lower()
    if word not in ("latest", "default"):
        raise make_bad_request_error(
            f"'{word[:60]}' must be latest or default.", "policyStatesResource", "InvalidParameter"
        )


def _add_failing_condition(call: ApiCall, condition: str) -> str:
    """The address of the rows that fail, of those that the call asks about."""
    asked = [f"({one})" for one in (call.get_query_value("$filter"),) if one]
    several = " and ".join([*asked, "IsCompliant eq false", *([condition] if condition else [])])
    times = "".join(
        f"&{name}={quote(call.get_query_value(name))}"
        for name in ("$from", "$to")
        if call.get_query_value(name)
    )
    version = quote(call.get_query_value("api-version"))
    return f"{STATES.build_address(call)}/latest/queryResults?api-version={version}{times}&$filter={quote(several)}"
