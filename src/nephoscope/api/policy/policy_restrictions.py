"""Microsoft.PolicyInsights/checkPolicyRestrictions: what assigned policies would do to a resource that is only planned.

Judged are the assignments that people put here and those of the estate, as they are now; what Azure itself enforces beside them is not
known. An assignment of mode DoNotEnforce restricts nothing.

Source: https://learn.microsoft.com/rest/api/policyinsights/policy-restrictions (2022-03-01, 2023-03-01)
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from nephoscope.access.tenant_scope import limit_to_tenant
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import make_bad_request_error
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.response import ApiResponse
from nephoscope.model.read_scope import EVERYTHING, Reach
from nephoscope.posture.governance.enforced_assignments import EnforcedAssignments
from nephoscope.posture.governance.policy_restrictions import (
    PendingField,
    ProposedResource,
    Restriction,
    Restrictions,
    is_known_field,
)
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope.posture.policies.policy_packs import Packs
from nephoscope.service.arm_documents import DECIDING
from nephoscope_policy.evaluation_result import ERROR
from nephoscope_policy.keywords import OPERATORS
from nephoscope_policy.model.resource import Resource

if TYPE_CHECKING:
    from nephoscope.posture.published.published_snapshot import PublishedSnapshot
    from nephoscope_policy.model.assessment import Reason

SURFACE = ApiSurface("Policy restrictions", "Microsoft.PolicyInsights")
READ = "Microsoft.PolicyInsights/checkPolicyRestrictions/read"
_CHECK = "providers/Microsoft.PolicyInsights/checkPolicyRestrictions"
_SUBSCRIPTION = "/subscriptions/{subscriptionId}"
_GROUP = "/providers/Microsoft.Management/managementGroups/{managementGroupId}"
#: The version from which on the effect of a rule is told, and audits where they are asked for.
EFFECTS = "2023-03-01"
MOST_FIELDS, MOST_VALUES = 50, 100


@SURFACE.declare_post_query(f"{_SUBSCRIPTION}/{_CHECK}", "PolicyRestrictions_CheckAtSubscriptionScope", READ)
def check_at_subscription(call: ApiCall) -> ApiResponse:
    """Check which policies deny or restrict a planned resource in a subscription."""
    return _check_restrictions(call)


@SURFACE.declare_post_query(
    f"{_SUBSCRIPTION}/resourceGroups/{{resourceGroupName}}/{_CHECK}",
    "PolicyRestrictions_CheckAtResourceGroupScope",
    READ,
)
def check_at_resource_group(call: ApiCall) -> ApiResponse:
    """Check which policies deny or restrict a planned resource in a resource group."""
    return _check_restrictions(call)


@SURFACE.declare_post_query(f"{_GROUP}/{_CHECK}", "PolicyRestrictions_CheckAtManagementGroupScope", READ)
def check_at_management_group(call: ApiCall) -> ApiResponse:
    """Return the resource types that policies deny in a management group; only types are checked there."""
    pending = _read_pending_fields(call)
    if "resourceDetails" not in call.body and [one.field.lower() for one in pending] != ["type"]:
        raise make_bad_request_error(
            "At a management group only the field 'type' is checked.", "pendingFields"
        )
    return _check_restrictions(call)


def _check_restrictions(call: ApiCall) -> ApiResponse:
    call.caller.require(READ, call.scope)
    planned, pending = _read_planned_resource(call), _read_pending_fields(call)
    enforced = _find_enforced_assignments(call)
    for at, one in enumerate(pending):
        if not is_known_field(one.field, enforced, planned):
            raise make_bad_request_error(
                f"'{one.field[:200]}' is neither a field nor an alias.", f"pendingFields[{at}].field"
            )
    audits = call.get_query_value("api-version") >= EFFECTS and call.body.get("includeAuditEffect") is True
    asked = Restrictions(
        enforced, planned, _find_containers(call, planned.scope), call.instance.now, audits=audits
    )
    return ApiResponse(
        {
            "fieldRestrictions": [
                {"field": field, "restrictions": [_build_restriction(call, one) for one in several]}
                for field, several in asked.fields(pending)
            ],
            "contentEvaluationResult": {
                "policyEvaluations": [
                    {
                        "policyInfo": held.document(),
                        "evaluationResult": "Error" if result.state is ERROR else "NonCompliant",
                        "evaluationDetails": {
                            "evaluatedExpressions": [_build_expression(one) for one in result.reasons]
                        },
                        **_describe_effect(call, result.effect, "effectDetails"),
                    }
                    for held, result in asked.list_evaluations()
                ]
            },
        }
    )


def _build_restriction(call: ApiCall, one: Restriction) -> dict[str, Any]:
    effect = _describe_effect(call, one.held.rule.effect, "policyEffect")
    return {
        "result": one.result,
        **({"defaultValue": one.default} if one.default is not None else {}),
        **({"values": list(one.values)} if one.values is not None else {}),
        "policy": one.held.document(),
        **({"policyEffect": effect["policyEffect"]["policyEffect"]} if effect else {}),
    }


def _describe_effect(call: ApiCall, effect: str, name: str) -> dict[str, Any]:
    return {name: {"policyEffect": effect}} if call.get_query_value("api-version") >= EFFECTS else {}


def _build_expression(one: Reason) -> dict[str, object]:
    """A condition that decided, as Azure tells of it: all of them hold where the rule takes effect."""
    field = one.subject != "value" and not one.subject.startswith(("[", "count("))
    return {
        "result": "True",
        "expressionKind": "Field" if field else "Value",
        "expression": one.subject,
        **({"path": one.subject} if field else {}),
        "expressionValue": one.actual,
        "targetValue": one.expected,
        "operator": OPERATORS.get(one.operator, one.operator),
    }


def _read_planned_resource(call: ApiCall) -> ProposedResource:
    """The resource as far as it is decided."""
    details = call.body.get("resourceDetails", {})
    if not isinstance(details, dict):
        raise make_bad_request_error("'resourceDetails' must be an object.", "resourceDetails")
    if "/managementgroups/" not in call.scope and not isinstance(details.get("resourceContent"), dict):
        raise make_bad_request_error(
            "'resourceContent' must be an object.", "resourceDetails.resourceContent"
        )
    content = details.get("resourceContent") or {}
    if not isinstance(content, dict):
        raise make_bad_request_error(
            "'resourceContent' must be an object.", "resourceDetails.resourceContent"
        )
    for name in ("type", "name"):
        if not isinstance(content.get(name, ""), str) or (
            name == "type" and "/" not in content.get(name, "/")
        ):
            raise make_bad_request_error(
                f"'{name}' must be that of a resource.", f"resourceDetails.resourceContent.{name}"
            )
    below = call.get_text("resourceDetails", "scope").rstrip("/").lower()
    if below and not f"{below}/".startswith(f"{call.scope}/"):
        raise make_bad_request_error(
            "The scope of the resource is outside the scope of the request.", "resourceDetails.scope"
        )
    return ProposedResource(below or call.scope, content, call.get_text("resourceDetails", "apiVersion"))


def _read_pending_fields(call: ApiCall) -> list[PendingField]:
    several = call.body.get("pendingFields")
    several = [] if several is None else several
    if not isinstance(several, list) or len(several) > MOST_FIELDS:
        raise make_bad_request_error(
            f"'pendingFields' must be a list of at most {MOST_FIELDS}.", "pendingFields"
        )
    return [_read_pending_field(one, f"pendingFields[{at}]") for at, one in enumerate(several)]


def _read_pending_field(one: object, path: str) -> PendingField:
    field = one.get("field") if isinstance(one, dict) else None
    values = (one.get("values") or []) if isinstance(one, dict) else []
    if not isinstance(field, str) or not field:
        raise make_bad_request_error("A pending field must name a 'field'.", f"{path}.field")
    texts = isinstance(values, list) and all(isinstance(each, str) for each in values)
    if not texts or len(values) > MOST_VALUES:
        raise make_bad_request_error(
            f"'values' must be a list of at most {MOST_VALUES} texts.", f"{path}.values"
        )
    return PendingField(field, tuple(values))


def _find_containers(call: ApiCall, scope: str) -> list[Resource]:
    """The group and the subscription that a scope lies in, as far as they were read."""
    snapshot = call.instance.snapshots.load_newest()
    words = scope.split("/")
    several = [
        "/".join(words[:length]) for length in (3, 5) if len(words) >= length and words[1] == "subscriptions"
    ]
    found = (
        [snapshot.listing.get(one, Reach(everything=True)) for one in several] if snapshot is not None else []
    )
    return [Resource.of(one) for one in found if one is not None]


def _find_enforced_assignments(call: ApiCall) -> EnforcedAssignments:
    """Return what holds now: made once for what people put and what was read last."""
    documents, tenant = call.instance.state.arm_documents.by_tenant(DECIDING), call.tenant
    put = documents.of(tenant) if tenant else documents.list_all()
    snapshot = call.instance.snapshots.load_newest()
    if snapshot is None:
        return _make_enforced_assignments(call.instance.data, None, frozenset(), put)
    gone = call.instance.list_removed_since(tenant, snapshot.build_info.when)
    text = hashlib.blake2b(msgspec.json.encode(put, order="sorted")).digest()
    key = ("restrictions", Packs(call.instance.data).stamp, tenant, gone, text)
    reach = limit_to_tenant(tenant, call.caller.hierarchy)
    return snapshot.get_or_compute(
        key, lambda: _make_enforced_assignments(call.instance.data, snapshot, gone, put, reach)
    )


def _make_enforced_assignments(
    data: Path,
    snapshot: PublishedSnapshot | None,
    gone: frozenset[str],
    put: Iterable[Mapping[str, object]],
    reach: Reach = EVERYTHING,
) -> EnforcedAssignments:
    """Of the content of a data folder, the documents of people, and the estate within a reach without what is gone."""
    packs = Packs(data)
    plan = EvaluationPlan(packs.catalog()).with_people(put)
    ancestors: Mapping[str, tuple[str, ...]] = {}
    if snapshot is not None:
        passed = gone | {entry.id for entry in plan.catalog.entries}
        found = snapshot.listing.page(list(DECIDING), reach, most=50_000, collected=True)
        plan = plan.with_people(one for one in found.bodies if str(one["id"]).lower() not in passed)
        ancestors = {
            f"/subscriptions/{one.lower()}": above for one, above in snapshot.build_info.ancestors.items()
        }
    return EnforcedAssignments(plan, packs.aliases(), ancestors)
