"""Microsoft.Security: secure scores, their controls, and what the controls are.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/secure-scores (2020-01-01)
"""

from __future__ import annotations

from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import make_not_found_error
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.response import ApiResponse, answer_list, read_skip_token

SURFACE = ApiSurface("Secure scores", "Microsoft.Security")
READ = "Microsoft.Security/secureScores/read"
_SUBSCRIPTION = "/subscriptions/{subscriptionId}/providers/Microsoft.Security"
_SCORE, _CONTROL = "microsoft.security/securescores", "microsoft.security/securescores/securescorecontrols"
_DEFINITION = "microsoft.security/securescorecontroldefinitions"


@SURFACE.get(f"{_SUBSCRIPTION}/secureScores", "SecureScores_List", READ)
def list_scores(call: ApiCall) -> ApiResponse:
    """List the secure scores of a subscription."""
    return _list_scores(call, _SCORE)


@SURFACE.get(f"{_SUBSCRIPTION}/secureScores/{{secureScoreName}}", "SecureScores_Get", READ)
def get_score(call: ApiCall) -> ApiResponse:
    """Get a secure score."""
    found = call.snapshot.listing.get(call.path, call.reach)
    if found is None:
        raise make_not_found_error(f"The secure score '{call['secureScoreName']}'")
    return ApiResponse(found)


@SURFACE.get(f"{_SUBSCRIPTION}/secureScoreControls", "SecureScoreControls_List", READ)
def list_controls(call: ApiCall) -> ApiResponse:
    """List the controls of a subscription's secure score."""
    return _list_scores(call, _CONTROL)


@SURFACE.get(
    f"{_SUBSCRIPTION}/secureScores/{{secureScoreName}}/secureScoreControls",
    "SecureScoreControls_ListBySecureScore",
    READ,
)
def list_controls_of_score(call: ApiCall) -> ApiResponse:
    """List the controls of a secure score."""
    return _list_scores(call, _CONTROL)


@SURFACE.get(
    "/providers/Microsoft.Security/secureScoreControlDefinitions", "SecureScoreControlDefinitions_List", READ
)
def list_definitions(call: ApiCall) -> ApiResponse:
    """List the definitions of the secure score controls."""
    return _list_scores(call, _DEFINITION)


@SURFACE.get(
    f"{_SUBSCRIPTION}/secureScoreControlDefinitions", "SecureScoreControlDefinitions_ListBySubscription", READ
)
def list_definitions_of_subscription(call: ApiCall) -> ApiResponse:
    """List the definitions of the secure score controls; the same in every subscription."""
    page = call.snapshot.listing.page([_DEFINITION], call.reach, after=read_skip_token(call))
    return answer_list(call, page.bodies, page.after)


def _list_scores(call: ApiCall, type_: str) -> ApiResponse:
    page = call.snapshot.listing.page([type_], call.reach, call.listing_scope, after=read_skip_token(call))
    return answer_list(call, page.bodies, page.after)
