"""Conditional access: policies with whom they cover and exclude, and the users without a control."""

from __future__ import annotations

from typing import Annotated

from nephoscope.identity.conditional_access import AccessPolicy
from nephoscope.operations.declaration.operation import ApiRoute, CommandLine, OperationCall, OperationGroup
from nephoscope.operations.declaration.operation_page import PageColumn, SectionList
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import Shape
from nephoscope.service.conditional_access import evaluate_access
from nephoscope.service.identity_risk import READ

OPERATIONS = OperationGroup(
    "conditionalAccess", "Conditional access", "The policy",
    "List conditional access policies with whom they cover, and users without a control.",
)  # fmt: skip


class AccessPolicyShape(Shape, frozen=True, kw_only=True):
    """A conditional access policy: how many users it covers and excludes, what it demands, and what limits it."""

    id: str
    name: str
    state: str
    covered: int
    excluded: int
    controls: tuple[str, ...]
    limits: tuple[str, ...]
    unread_groups: tuple[str, ...]


class AccessPolicyPage(Shape, frozen=True, kw_only=True):
    """Conditional access policies by name, the number of users that can sign in, and what was not collected."""

    value: tuple[AccessPolicyShape, ...]
    users: int
    not_collected: tuple[str, ...]


class AccessGapQuery(Shape, frozen=True, kw_only=True):
    """A filter of gaps."""

    administrators: Annotated[bool, describe("Show only gaps of administrators.")] = False


class AccessGapShape(Shape, frozen=True, kw_only=True):
    """A control that no policy enforces on a user, and why; `certain` is false where members of a group were not collected."""

    id: str
    user: str
    name: str
    control: str
    administrator: bool
    certain: bool
    reason: str


class AccessGapPage(Shape, frozen=True, kw_only=True):
    """Gaps of conditional access, those of administrators first, and what was not collected."""

    value: tuple[AccessGapShape, ...]
    not_collected: tuple[str, ...]


Line = dict[str, object]


def _describe_gaps(found: AccessPolicyPage | AccessGapPage) -> list[str]:
    return [f"not collected: {', '.join(found.not_collected)}"] if found.not_collected else []


def _list_policy_rows(found: AccessPolicyPage) -> list[Line]:
    return [
        {
            "name": one.name, "state": one.state, "covered": one.covered, "excluded": one.excluded, "users": found.users,
            "controls": ", ".join(one.controls) or "none in any case", "limits": ", ".join(one.limits), "id": one.id,
        }
        for one in found.value
    ]  # fmt: skip


def _list_gap_rows(found: AccessGapPage) -> list[Line]:
    return [
        {
            "name": one.name, "control": one.control, "administrator": "yes" if one.administrator else "no",
            "certain": "yes" if one.certain else "no", "reason": one.reason, "user": one.user, "id": one.id,
        }
        for one in found.value
    ]  # fmt: skip


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/conditionalAccessPolicies"),
    CommandLine(
        "list", columns=("name", "state", "covered", "excluded", "users", "controls", "limits", "id"), rows=_list_policy_rows,
        notes=_describe_gaps, nothing="no conditional access policies",
    ),
    page=SectionList(
        "Conditional access", "Identity", "policy", "Conditional access policies, and how many users they cover and exclude.",
        key="id", name="name", plural="policies", guide="identity.md", facets=("state",), order=50, tab="Conditional access",
        nothing="No conditional access policies.",
        columns=(
            PageColumn("name", "Policy"), PageColumn("state", "State"), PageColumn("covered", "Covered users"),
            PageColumn("excluded", "Excluded users"), PageColumn("controls", "Controls", optional=True),
            PageColumn("limits", "Limited by", optional=True),
        ),
    ),
)  # fmt: skip
def list_policies(call: OperationCall) -> AccessPolicyPage:
    """List conditional access policies by name, with the users that they cover and exclude."""
    found = evaluate_access(call.service)
    return AccessPolicyPage(
        value=tuple(map(_build_policy_shape, found.policies)), users=found.users, not_collected=found.missing
    )


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/conditionalAccessGaps"),
    CommandLine(
        "gaps", columns=("name", "control", "administrator", "reason", "certain", "user"), rows=_list_gap_rows, notes=_describe_gaps,
        nothing=lambda found: "no gaps were found" if found.not_collected else "no gaps: policies enforce each control on each user",
    ),
    page=SectionList(
        "Conditional access gaps", "Identity", "gap", "Users on whom no conditional access policy enforces a control, and why.",
        key="id", name="name", order=55, tab="Conditional access", guide="identity.md", facets=("control", "administrator", "certain"),
        nothing="No gaps. See Conditional access for what was collected.",
        columns=(
            PageColumn("name", "User"), PageColumn("control", "Control"), PageColumn("administrator", "Administrator"),
            PageColumn("reason", "Reason", optional=True),
        ),
    ),
)  # fmt: skip
def list_gaps(call: OperationCall, query: AccessGapQuery) -> AccessGapPage:
    """List users on whom no policy enforces a control, administrators first, with the reason."""
    found = evaluate_access(call.service)
    shapes = [
        AccessGapShape(
            id=f"{one.user}|{one.control}", user=one.user, name=one.name, control=one.control.value,
            administrator=one.user in found.administrators, certain=one.certain, reason=one.reason,
        )
        for one in found.gaps
        if one.user in found.administrators or not query.administrators
    ]  # fmt: skip
    shapes.sort(key=lambda one: not one.administrator)
    return AccessGapPage(value=tuple(shapes), not_collected=found.missing)


def _build_policy_shape(one: AccessPolicy) -> AccessPolicyShape:
    return AccessPolicyShape(
        id=one.id, name=one.name, state=one.state, covered=len(one.included.users - one.excluded.users),
        excluded=len(one.included.users & one.excluded.users), controls=tuple(sorted(one.controls)), limits=one.conditions.narrowed,
        unread_groups=(*one.included.unread, *one.excluded.unread),
    )  # fmt: skip
