"""Microsoft.PolicyInsights: policy events: how resources came to stand otherwise than in the evaluation before.

Source: https://learn.microsoft.com/rest/api/policyinsights/policy-events (2019-10-01)
"""

from __future__ import annotations

from nephoscope.api.wire import odata_metadata
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import make_bad_request_error
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.policy_rows import PolicyRowSource, answer_policy_rows
from nephoscope.api.wire.response import ApiResponse

SURFACE = ApiSurface("Policy events", "Microsoft.PolicyInsights")
READ = "Microsoft.PolicyInsights/policyEvents/read"
QUERY = "Microsoft.PolicyInsights/policyEvents/queryResults/action"
_PROVIDER = "{scope}/providers/Microsoft.PolicyInsights/policyEvents"
EVENTS = PolicyRowSource("policyEvents", "microsoft.policyinsights/policyevents", "default")


@SURFACE.declare_post_query(
    f"{_PROVIDER}/{{policyEventsResource}}/queryResults", "PolicyEvents_ListQueryResults", QUERY
)
def query_results(call: ApiCall) -> ApiResponse:
    """List the policy events of the last 90 days at a scope; supports `$filter`."""
    if call["policyEventsResource"].lower() != "default":
        raise make_bad_request_error(
            "Policy events have one collection: default.", "policyEventsResource", "InvalidParameter"
        )
    return answer_policy_rows(call, EVENTS)


@SURFACE.get(f"{_PROVIDER}/$metadata", "PolicyEvents_GetMetadata", READ)
def describe_event_fields(_: ApiCall) -> ApiResponse:
    """Get the OData metadata of policy events."""
    return ApiResponse(
        odata_metadata.render_metadata("PolicyEvent", ("default",), ("tenantId", "principalOid")),
        headers={"Content-Type": "application/xml"},
    )
