"""Microsoft.Security/adaptiveNetworkHardenings: rules that were learned from traffic, and their enforcement after an approval.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/adaptive-network-hardenings (2020-01-01)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from nephoscope.api.defender.collected_documents import PROVIDERS, read
from nephoscope.api.wire import arm_documents
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import make_bad_request_error, make_not_found_error
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.response import ApiResponse
from nephoscope.automation.rule_change_plan import GroupChange
from nephoscope.posture.published.kinds.adaptive_network_hardenings import HardeningProposal, list_rules
from nephoscope.service.network_rules import ENFORCE, request_rule_change

SURFACE = ApiSurface("Adaptive network hardening", "Microsoft.Security")
_TYPE = "Microsoft.Security/adaptiveNetworkHardenings"
_RESOURCE = (
    "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers"
    "/{resourceNamespace}/{resourceType}/{resourceName}"
)
_LIST = f"{_RESOURCE}/providers/{_TYPE}"
_ONE = f"{_LIST}/{{adaptiveNetworkHardeningResourceName}}"


@SURFACE.get(_LIST, "AdaptiveNetworkHardenings_ListByExtendedResource", f"{_TYPE}/read")
def list_hardenings(call: ApiCall) -> ApiResponse:
    """List the adaptive network hardening rules of a machine."""
    return read(call, PROVIDERS[0])


@SURFACE.get(_ONE, "AdaptiveNetworkHardenings_Get", f"{_TYPE}/read")
def get_hardening(call: ApiCall) -> ApiResponse:
    """Get an adaptive network hardening."""
    return read(call, PROVIDERS[0])


@SURFACE.declare_post_action(f"{_ONE}/enforce", "AdaptiveNetworkHardenings_Enforce", ENFORCE)
def enforce_hardening(call: ApiCall) -> ApiResponse:
    """Request enforcement of adaptive rules in network security groups; the response run waits for an approval."""
    place = call.path.rstrip("/").rpartition("/")[0]
    document = arm_documents.find_document(
        ApiCall(call.instance, call.caller, f"{_TYPE}/read", "GET", place, call.base, call.parameters)
    )
    if document is None:
        raise make_not_found_error(f"The resource '{place}'")
    found = document["properties"]
    names = _read_rules(call.body.get("rules"), found["rules"])
    groups = _read_groups(call.body.get("networkSecurityGroups"))
    proposals = _select_proposals(msgspec.convert(found["proposals"], list[HardeningProposal]), names)
    run = request_rule_change(
        call.service,
        ENFORCE,
        place.lower().split("/providers/microsoft.security/")[0],
        "Adaptive network hardening",
        list_changes(proposals, groups),
    )
    return ApiResponse({"id": run.id, "status": run.status.value}, 202)


def list_changes(proposals: Iterable[HardeningProposal], groups: frozenset[str]) -> list[GroupChange]:
    """The changes of groups (lower-cased ids) that proposals ask for; raises ApiError where a group has none."""
    rules: dict[str, list[dict[str, object]]] = {}
    for one in proposals:
        if one.group.lower() in groups:
            rules.setdefault(one.group.lower(), []).extend(one.security_rules)
    for group in groups:
        if not rules.get(group):
            raise make_bad_request_error(
                f"No rules were learned for the group {group}.", "networkSecurityGroups"
            )
    return [GroupChange(group, tuple(several)) for group, several in rules.items()]


def _read_groups(value: object) -> frozenset[str]:
    if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
        raise make_bad_request_error(
            "'networkSecurityGroups' must be a list of resource ids.", "networkSecurityGroups"
        )
    return frozenset(one.lower() for one in value)


def _select_proposals(
    proposals: Iterable[HardeningProposal], names: frozenset[str]
) -> list[HardeningProposal]:
    """The proposals whose rules are asked for; Fault where some of one are missing, since its last rule denies the rest."""
    chosen = []
    for one in proposals:
        own = {str(rule["name"]) for rule in list_rules(one)}
        if own & names:
            if missing := sorted(own - names):
                raise make_bad_request_error(
                    f"Rules of one security rule are enforced together: '{missing[0]}' is missing.", "rules"
                )
            chosen.append(one)
    return chosen


def _read_rules(value: object, learned: list[dict[str, Any]]) -> frozenset[str]:
    """The names of the rules that are asked for; Fault where one was not learned so."""
    if not isinstance(value, list) or not value:
        raise make_bad_request_error("'rules' must be a list of learned rules.", "rules")
    known = {str(one["name"]): one for one in learned}
    for at, one in enumerate(value):
        name = str(one.get("name") or "") if isinstance(one, dict) else ""
        if known.get(name) != one:
            raise make_bad_request_error(
                f"The rule '{name}' is not one of the learned rules.", f"rules[{at}]"
            )
    return frozenset(str(one["name"]) for one in value)
