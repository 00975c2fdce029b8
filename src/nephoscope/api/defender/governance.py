"""Microsoft.Security: governance: rules that say who sees to which recommendations by when, and the assignments that follow.

An assignment is worked out for every resource that fails a recommendation; one that somebody puts stands in its place, and says when
the work will be done (`remediationEta`).

Source: https://learn.microsoft.com/rest/api/defenderforcloud/governance-rules (2022-01-01-preview),
governance-assignments (2021-06-01)
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from nephoscope.access.scopes import list_containing_scopes
from nephoscope.api.wire import arm_documents
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import make_bad_request_error, make_not_found_error
from nephoscope.api.wire.body_schema import (
    accept_text,
    check_datetime,
    declare_array,
    declare_enumeration,
    declare_object,
    parse_boolean,
)
from nephoscope.api.wire.document_kinds import (
    ArmDocumentKind,
    Body,
    declare_document_operations,
    delete_kept_document,
    list_documents_at_scope,
    put,
    require_document,
)
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.response import ApiResponse, answer_list, read_skip_token
from nephoscope.automation.governance import (
    OWNERS,
    GovernanceRule,
    build_assignment_document,
    find_deciding_rule,
    load_rules,
    parse_rule,
    read_assessed_resource,
)
from nephoscope.automation.rule import AutomationError

SURFACE = ApiSurface("Governance", "Microsoft.Security")
_ASSESSMENTS = "microsoft.security/assessments"
_LIST = "{scope}/providers/Microsoft.Security/assessments/{assessmentsName}/governanceAssignments"
_RULE = "{scope}/providers/Microsoft.Security/governanceRules/{governanceRulesName}"


def check_rule(body: Body) -> None:
    """Fault where a rule names nobody, no order, or asks what cannot be known."""
    try:
        parse_rule(str(body["id"]).lower(), body, datetime.now(UTC))
    except AutomationError as error:
        raise make_bad_request_error(str(error), error.path) from error


_NOTIFICATION = declare_object(
    {}, {"disableManagerEmailNotification": parse_boolean, "disableOwnerEmailNotification": parse_boolean}
)
RULE = declare_object(
    {"ownerSource": declare_object({"type": declare_enumeration(*OWNERS)}, {"value": accept_text()})},
    {
        "displayName": accept_text(),
        "description": accept_text(),
        "remediationTimeframe": accept_text(),
        "isGracePeriod": parse_boolean,
        "isDisabled": parse_boolean,
        "ruleType": declare_enumeration("Integrated", "ServiceNow"),
        "sourceResourceType": declare_enumeration("Assessments"),
        "excludedScopes": declare_array(accept_text()),
        "includeMemberScopes": parse_boolean,
        "governanceEmailNotification": _NOTIFICATION,
    },
)
ASSIGNMENT = declare_object(
    {"remediationDueDate": check_datetime},
    {
        "owner": accept_text(),
        "isGracePeriod": parse_boolean,
        "remediationEta": declare_object({"eta": check_datetime, "justification": accept_text(least=1)}),
        "governanceEmailNotification": _NOTIFICATION,
    },
)
RULES = ArmDocumentKind(
    "Microsoft.Security/governanceRules",
    "GovernanceRules",
    "New unhealthy resources of its recommendations are assigned by the rule.",
    check=check_rule,
    shape=RULE,
    acting=True,
)
ASSIGNMENTS = ArmDocumentKind(
    "Microsoft.Security/assessments/governanceAssignments",
    "GovernanceAssignments",
    "It overrides the governance rule; this server sends no notification for it.",
    shape=ASSIGNMENT,
    acting=True,
)
declare_document_operations(SURFACE, RULES)


@SURFACE.declare_post_action(f"{_RULE}/execute", "GovernanceRules_Execute", f"{RULES.type}/write")
def execute_rule(call: ApiCall) -> ApiResponse:
    """Return the location of a run's result; a rule takes effect when it is created, so there is no run to wait for."""
    path = call.path.rstrip("/").rpartition("/")[0]
    _require_assessment(call, path)
    where = f"{call.base}{path}/operationResults/{uuid.uuid5(uuid.NAMESPACE_URL, path.lower())}"
    return ApiResponse(None, 202, {"Location": f"{where}?api-version={call.get_query_value('api-version')}"})


@SURFACE.get(
    f"{_RULE}/operationResults/{{operationId}}", "GovernanceRules_OperationResults", f"{RULES.type}/read"
)
def list_results(call: ApiCall) -> ApiResponse:
    """Get the result of a run: the rule is in effect, so it succeeded."""
    _require_assessment(call, call.path.rstrip("/").rpartition("/")[0].rpartition("/")[0])
    return ApiResponse({"status": "Succeeded"})


def _require_assessment(call: ApiCall, path: str) -> None:
    kept = call.find_stored_document(path.lower())
    if kept is None or not arm_documents.is_visible(call.reach, kept.key):
        raise make_not_found_error(f"The governance rule '{path.rpartition('/')[2][:100]}'")


@SURFACE.get(_LIST, "GovernanceAssignments_List", f"{ASSIGNMENTS.type}/read")
def list_assignments(call: ApiCall) -> ApiResponse:
    """List the governance assignments of an assessment: created ones, or else those of the rules."""
    return answer_list(call, _list_assignments(call, call.path.rstrip("/").rpartition("/")[0]))


@SURFACE.get(
    "{scope}/providers/Microsoft.Security/governanceAssignments",
    "GovernanceAssignments_ListAll",
    f"{ASSIGNMENTS.type}/read",
)
def list_all_assignments(call: ApiCall) -> ApiResponse:
    """List the governance assignments of all assessments below a scope."""
    page = call.snapshot.listing.page(
        [_ASSESSMENTS],
        call.reach,
        call.listing_scope,
        after=read_skip_token(call),
        most=call.read_requested_count(1000),
    )
    mine = {} if read_skip_token(call) else list_documents_at_scope(call, ASSIGNMENTS, call.listing_scope)
    put_for = {key.rpartition("/governanceassignments/")[0] for key in mine}
    made = [
        one
        for one in _assign_by_rules(call, page.bodies)
        if str(one["id"]).lower().rpartition("/governanceassignments/")[0] not in put_for
    ]
    return answer_list(call, [*mine.values(), *made], page.after)


@SURFACE.get(
    f"{_LIST}/{{governanceAssignmentsName}}", "GovernanceAssignments_Get", f"{ASSIGNMENTS.type}/read"
)
def get_assignment(call: ApiCall) -> ApiResponse:
    """Get a governance assignment."""
    path = call.path.rstrip("/")
    several = _list_assignments(call, path.rpartition("/")[0].rpartition("/")[0])
    made = next((one for one in several if str(one["id"]).lower() == path.lower()), None)
    return ApiResponse(made if made is not None else require_document(call, ASSIGNMENTS))


@SURFACE.put(
    f"{_LIST}/{{governanceAssignmentsName}}",
    "GovernanceAssignments_CreateOrUpdate",
    f"{ASSIGNMENTS.type}/write",
)
def put_assignment(call: ApiCall) -> ApiResponse:
    """Create or replace a governance assignment; it overrides the assignment of a rule."""
    return put(call, ASSIGNMENTS, call.body)


@SURFACE.delete(
    f"{_LIST}/{{governanceAssignmentsName}}", "GovernanceAssignments_Delete", f"{ASSIGNMENTS.type}/delete"
)
def delete_assignment(call: ApiCall) -> ApiResponse:
    """Delete a governance assignment; the assignment of a rule applies again."""
    return delete_kept_document(call, ASSIGNMENTS)


def _list_assignments(call: ApiCall, assessment: str) -> list[Body]:
    """The assignments of an assessment at a path."""
    kept = call.list_stored_documents([ASSIGNMENTS.type.lower()], assessment.lower())
    mine = [one.body for one in kept if arm_documents.is_visible(call.reach, one.key)]
    published = call.instance.snapshots.load_newest()
    body = published.listing.get(assessment, call.reach) if published is not None else None
    return mine or ([] if body is None else list(_assign_by_rules(call, [body])))


def add_owners(call: ApiCall, several: Sequence[Body]) -> list[Body]:
    """Assessments with who sees to each that fails, by when, where a rule or somebody says so."""
    known = load_rules(call.instance.state)
    kept = call.list_stored_documents([ASSIGNMENTS.type.lower()])
    if not known and not kept:
        return list(several)
    mine = {
        one.key.rpartition("/governanceassignments/")[0]: one.body
        for one in kept
        if arm_documents.is_visible(call.reach, one.key)
    }
    made = {
        str(one["id"]).lower().rpartition("/governanceassignments/")[0]: one
        for one in _assign_by_rules(call, several, known)
    }
    now = call.instance.now.isoformat()
    return [_add_assignment(one, {**made, **mine}.get(str(one["id"]).lower()), now) for one in several]


def _add_assignment(assessment: Body, assignment_: Body | None, now: str) -> Body:
    if assignment_ is None:
        return assessment
    assignment_properties = assignment_["properties"]
    due = assignment_properties.get("remediationDueDate")
    governance = {
        **{
            name: assignment_properties[name]
            for name in ("owner", "remediationDueDate", "remediationEta", "isGracePeriod")
            if name in assignment_properties
        },
        "isOverdue": bool(due) and str(due) < now,
        "assignmentId": assignment_["id"],
    }
    return {**assessment, "properties": {**assessment["properties"], "governance": governance}}


def _assign_by_rules(
    call: ApiCall, several: Sequence[Body], known: Sequence[GovernanceRule] | None = None
) -> Iterable[Body]:
    """Return what the rules say of assessments."""
    ordered = load_rules(call.instance.state) if known is None else known
    hierarchy = call.caller.hierarchy

    def list_parent_scopes(resource: str) -> frozenset[str]:
        return frozenset(list_containing_scopes(resource, hierarchy))

    decided = [
        (one, rule)
        for one in several
        if (rule := find_deciding_rule(ordered, one, list_parent_scopes)) is not None
    ]
    wanted = {read_assessed_resource(one) for one, rule in decided if rule.owner[0] == "ByTag"}
    tags = call.snapshot.listing.map_tags(wanted, call.reach) if wanted else {}
    return (
        build_assignment_document(one, rule.build_assignment(one, tags.get(read_assessed_resource(one), {})))
        for one, rule in decided
    )
