"""Exemptions from a recommendation, as its page puts, changes and ends them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from nephoscope.access.authenticator import DeniedError
from nephoscope.files.json_tree import get_tree
from nephoscope.posture.published.findings import FindingQuery, ListedFinding
from nephoscope.service.exemptions import (
    DELETE,
    READ,
    TYPE,
    end_exemption,
    put_exemptions,
    require_exemption_permission,
)
from nephoscope.state import NotFoundError, StateError
from nephoscope.state.database.state_errors import ConcurrentChangeError
from nephoscope.web.forms.optimistic_lock import (
    FormConflict,
    compute_form_digest,
    describe_concurrent_changes,
    require_unchanged_state,
)
from nephoscope_policy.exemption import MITIGATED, TYPE_NAME, WAIVER, Exemption
from nephoscope_policy.model.state import ComplianceState

if TYPE_CHECKING:
    from nephoscope.state.estate.arm_documents import ArmDocument
    from nephoscope.web.visits.request_context import Visit

ASSESSMENTS = "Microsoft.Security/assessments/read"
MOST_DAYS, MOST_AT_ONCE = 3650, 500


@dataclass(frozen=True, slots=True)
class ShownExemption:
    """An exemption that was put here; `may_change` and `may_end` say what the visitor may do to it, `over` that it has expired,
    `etag` of which state its forms are drawn.

    `key` is that of its row, `about` says from what it exempts: the recommendation alone, members of an assignment, or all of one.
    """

    exemption: Exemption
    key: str
    about: str
    author: str
    over: bool
    may_change: bool
    may_end: bool
    etag: str


def list_exemptions(visit: Visit, key: str) -> list[ArmDocument]:
    """The exemptions that reach a recommendation, were put here and that the visitor may read, by id.

    Those from an assignment that holds it are among them, also where they exempt from more.
    """
    reach = visit.caller.find_reach(READ)
    put = visit.instance.state.arm_documents.all([TYPE_NAME])
    governing = visit.instance.load_governing() if put else None
    found = [
        one for one in put if governing is not None and governing.is_exemption_from(_parse_document(one), key)
    ]
    return [
        one
        for one in found
        if reach.everything or visit.caller.is_permitted(READ, one.place(_parse_document(one).scope))
    ]


def list_shown_exemptions(visit: Visit, put: Sequence[ArmDocument]) -> list[ShownExemption]:
    """List exemptions with the actions that the visitor may take on each."""
    now = visit.instance.now
    return [
        ShownExemption(
            one := _parse_document(document),
            document.row_key,
            _describe_target(visit, one),
            document.author,
            not one.is_active(now),
            _may_put(visit, one, document.place(one.scope)),
            visit.caller.is_permitted(DELETE, document.place(one.scope)),
            compute_form_digest(visit, document.body),
        )
        for document in put
    ]


def _describe_target(visit: Visit, one: Exemption) -> str:
    if not one.assignment:
        several = len(one.recommendations)
        return "this recommendation" if several == 1 else f"{several} recommendations"
    found = visit.instance.load_governing().assignment(one.assignment)
    name = (found.display_name if found is not None else "") or one.assignment.rsplit("/", 1)[-1]
    if one.references:
        members = f"{len(one.references)} member{'' if len(one.references) == 1 else 's'}"
        return f"{members} of the assignment {name}"
    return f"the whole assignment {name}"


def apply_exemption_form(visit: Visit, key: str) -> dict[str, int]:
    """Do what the form asks for; how many exemptions were put, changed or ended, by the word for it. StateError for a wrong form."""
    match visit.form.get("act", ""):
        case "exempt":
            return {"exempted": exempt_resources(visit, key)}
        case "change":
            return {"changed": change(visit, key)}
        case "end":
            return {"ended": end_one_exemption(visit, key)}
        case other:
            raise StateError(f"unknown action '{other[:40]}': expected exempt, change or end")


def exempt_resources(visit: Visit, key: str) -> int:
    """Put an exemption for each resource of the form; how many. StateError for a form that says too little, or what cannot be."""
    scopes = [
        one.lower().rstrip("/")
        for one in (*visit.list_ticked_values("scope"), *visit.list_ticked_values("selected"))
    ]
    properties = _build_properties(visit.form, key, visit)
    if not scopes or not all(one.startswith("/subscriptions/") for one in scopes):
        raise StateError("select a resource to exempt")
    if len(scopes) > MOST_AT_ONCE:
        raise StateError(f"at most {MOST_AT_ONCE} resources can be exempted at once")
    for scope in scopes:
        require_exemption_permission(
            visit.service, _build_draft_exemption(scope, key), visit.instance.load_governing
        )
    _require_fit(visit, key, scopes)
    bodies = [_build_document(scope, str(uuid.uuid4()), properties) for scope in scopes]
    return put_exemptions(visit.service, bodies, visit.instance.load_governing)


def _require_fit(visit: Visit, key: str, scopes: Sequence[str]) -> None:
    """StateError where a resource is not assessed by the recommendation, or is exempted from it already."""
    findings = visit.snapshot.findings if visit.snapshot is not None else None
    wanted = FindingQuery(recommendations=frozenset({key}))
    known = (
        findings.find_matching_resources(visit.caller.find_reach(ASSESSMENTS), wanted, scopes)
        if findings
        else frozenset()
    )
    if strange := [one for one in scopes if one not in known]:
        raise StateError(f"the recommendation does not assess resource {strange[0][:300]}")
    held = {
        _parse_document(one).scope
        for one in list_exemptions(visit, key)
        if _parse_document(one).is_active(visit.instance.now)
    }
    if twice := [one for one in scopes if one in held]:
        raise StateError(f"{twice[0][:300]} is already exempt: change or end its exemption")


def change(visit: Visit, key: str) -> int:
    """Give an exemption another category, reason and end."""
    document = _require_exemption(visit, key)
    one, place = _parse_document(document), document.place(_parse_document(document).scope)
    require_exemption_permission(visit.service, one, visit.instance.load_governing, place)
    held = get_tree(document.body, "properties")
    properties = _build_properties(visit.form, key, visit)
    kept = {name: value for name, value in held.items() if name != "expiresOn"}
    metadata = {**get_tree(held, "metadata"), "updatedBy": visit.caller.name}
    with require_unchanged_state(visit, lambda: _read_body(visit, document)):
        body = _build_document(
            one.scope, one.id.rsplit("/", 1)[-1], {**kept, **properties, "metadata": metadata}
        )
        return put_exemptions(visit.service, [body], visit.instance.load_governing, tenant=document.tenant)


def end_one_exemption(visit: Visit, key: str) -> int:
    """End an exemption, with all that it exempts from: what it covers is judged as any other from the next assessment on."""
    document = _require_exemption(visit, key)
    visit.service.require(DELETE, document.place(_parse_document(document).scope))
    with require_unchanged_state(visit, lambda: _read_body(visit, document)):
        return int(end_exemption(visit.service, document))


def find_conflict(visit: Visit) -> FormConflict:
    """Return what was done to the exemption of a form after that was drawn, and how it stands."""
    key = visit.form.get("exemption", "").lower()
    document = visit.instance.state.arm_documents.get(key)
    if document is None or not visit.caller.is_permitted(
        READ, document.place(_parse_document(document).scope)
    ):
        return describe_concurrent_changes(visit, key)
    one = _parse_document(document)
    return describe_concurrent_changes(
        visit, key, {"category": one.category, "reason": one.description or one.display_name}
    )


def _read_body(visit: Visit, one: ArmDocument) -> object:
    document = visit.instance.state.arm_documents.get(one.row_key)
    return document.body if document is not None else None


def _require_exemption(visit: Visit, key: str) -> ArmDocument:
    wanted = visit.form.get("exemption", "").lower()
    found = next((one for one in list_exemptions(visit, key) if one.row_key == wanted), None)
    if found is None and visit.form.get("etag"):
        raise ConcurrentChangeError("the exemption was ended by someone else")
    if found is None:
        raise NotFoundError(f"exemption {wanted[-100:]!r} not found, or you cannot access it")
    return found


def _build_properties(form: Mapping[str, str], key: str, visit: Visit) -> dict[str, object]:
    category, reason, days = form.get("category", ""), form.get("reason", "").strip(), form.get("days", "")
    if category not in (WAIVER, MITIGATED) or not reason:
        raise StateError("a category and a reason are required")
    if days and not (days.isdecimal() and 0 < int(days) <= MOST_DAYS):
        raise StateError(f"the duration must be 1 to {MOST_DAYS} days, or empty for no end date")
    ends = {"expiresOn": (visit.instance.now + timedelta(days=int(days))).isoformat()} if days else {}
    return {
        "exemptionCategory": category,
        "displayName": reason[:128],
        "description": reason,
        "metadata": {"nephoscope": {"recommendations": [key]}, "createdBy": visit.caller.name},
        **ends,
    }


def _build_document(scope: str, name: str, properties: Mapping[str, object]) -> dict[str, object]:
    return {
        "id": f"{scope}/providers/{TYPE}/{name}",
        "name": name,
        "type": TYPE,
        "properties": dict(properties),
    }


def find_exemptable(
    visit: Visit, key: str, findings: Sequence[ListedFinding], held: frozenset[str]
) -> frozenset[str]:
    """The failing resources of a page that the visitor may exempt; those that are `held` by an exemption wait to be judged by it."""
    failing = [one.resource for one in findings if one.state is ComplianceState.NON_COMPLIANT]
    return frozenset(one for one in failing if one not in held and can_exempt(visit, key, one))


def can_exempt(visit: Visit, key: str, resource: str) -> bool:
    """Return whether the visitor may exempt a resource from a recommendation."""
    return resource.startswith("/subscriptions/") and _may_put(visit, _build_draft_exemption(resource, key))


def _may_put(visit: Visit, exemption: Exemption, place: str = "") -> bool:
    try:
        require_exemption_permission(visit.service, exemption, visit.instance.load_governing, place)
    except DeniedError:
        return False
    return True


def _build_draft_exemption(scope: str, key: str) -> Exemption:
    """An exemption of a resource from a recommendation, as far as rights to it go."""
    id_ = f"{scope}/providers/{TYPE}/new".lower()
    return Exemption(id_, scope, "", WAIVER, recommendations=frozenset({key}))


def _parse_document(document: ArmDocument) -> Exemption:
    return Exemption.parse(document.body)
