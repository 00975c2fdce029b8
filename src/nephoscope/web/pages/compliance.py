"""Regulatory compliance: the standards of what is looked at, and one standard with its controls and their policies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from nephoscope.posture.published.findings import FindingQuery
from nephoscope.posture.published.standards import ASSESSMENT, CONTROL, ORDER, worse
from nephoscope.state import NotFoundError, StateError
from nephoscope.web.page_data.compliance_evidence import (
    HEADER,
    Evidence,
    EvidenceControl,
    EvidencePolicy,
    NoDocumentError,
    document,
)
from nephoscope.web.tables.table_download import as_csv, as_file
from nephoscope.web.visits.page import Page, PageArea
from nephoscope.web.visits.request_context import Visit

if TYPE_CHECKING:
    from nephoscope.model.read_reach import Reach
    from nephoscope.posture.published.published_snapshot import PublishedSnapshot
    from nephoscope.posture.published.standards import Standards

ASSESSMENTS = "Microsoft.Security/assessments/read"
READ = "Microsoft.Security/regulatoryComplianceStandards/read"


@dataclass(frozen=True, slots=True)
class StandardSummary:
    """A standard with its controls and its policies by state: each has the worst of its states in what is looked at."""

    name: str
    title: str
    controls: Counter[str]
    policies: Counter[str]


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """The standards: a control fails where it fails in any subscription that is looked at."""
    if visit.snapshot is None:
        return {"snapshot": None}
    standards = standards_of(visit.snapshot, visit.reach(READ))
    if visit.asked("format") == "csv":
        header = ("Standard", *ORDER, "Controls", "Policies passed", "Policies failed", "Policies", "Name")
        return as_csv("compliance", header, map(_row, standards))
    return {"snapshot": visit.snapshot, "standards": standards}


def _row(one: StandardSummary) -> tuple[str | int, ...]:
    states = (one.controls[state] for state in ORDER)
    policies = (one.policies["Passed"], one.policies["Failed"], one.policies.total())
    return one.title, *states, one.controls.total(), *policies, one.name


def standards_of(snapshot: PublishedSnapshot, reach: Reach) -> list[StandardSummary]:
    """Each standard that has controls, with these and its policies by state."""
    return snapshot.once(("standards", reach), lambda: _standards(snapshot.standards, reach))


def _standards(standards: Standards, reach: Reach) -> list[StandardSummary]:
    controls, policies = standards.states(reach, CONTROL), standards.states(reach, ASSESSMENT)
    titles = {body["name"]: _title(body) for body in standards.bodies(reach)}
    found = (
        StandardSummary(
            name, titles[name], Counter(controls[name].values()), Counter(policies.get(name, {}).values())
        )
        for name in titles
        if name in controls
    )
    return sorted(found, key=lambda one: one.title.casefold())


def _title(body: Mapping[str, Any]) -> str:
    """Return what a standard is called: Azure's own documents have nothing but a name."""
    return str(body["properties"].get("displayName") or body["name"])


def one(visit: Visit) -> Mapping[str, object] | Response:
    """One standard."""
    if visit.snapshot is None:
        return {"snapshot": None}
    name = visit.parameters["name"]
    key = ("standard", name.casefold(), visit.reach(READ))
    controls = visit.snapshot.once(key, lambda: _controls(visit, name))
    if not controls:
        raise NotFoundError(f"standard {name[:100]!r} not found, or you cannot access it")
    if visit.asked("format") in ("csv", "pdf"):
        return _evidence(visit, name, controls)
    counts = Counter(each["state"] for each in controls.values())
    titles = (
        _title(body)
        for body in visit.snapshot.standards.bodies(visit.reach(READ))
        if body["name"].casefold() == name.casefold()
    )
    return {
        "snapshot": visit.snapshot,
        "title": next(titles, name),
        "controls": controls,
        "counts": counts,
    }


def _evidence(visit: Visit, name: str, controls: Mapping[str, Mapping[str, Any]]) -> Response:
    """The evidence as a file."""
    assert visit.snapshot is not None
    scope = visit.asked("scope")
    names = {**visit.subscriptions, **visit.management_groups}
    made = Evidence(
        name,
        names.get(scope, scope) or "all resources that the reader can access",
        visit.snapshot.made.when,
        visit.caller.name,
        [
            EvidenceControl(
                control,
                one["title"],
                one["state"],
                [_policy(visit, title, each) for title, each in one["policies"].items()],
            )
            for control, one in controls.items()
        ],
    )
    if visit.asked("format") == "csv":
        return as_csv(name, HEADER, made.rows())
    try:
        return as_file(f"{name}.pdf", document(made), "application/pdf")
    except NoDocumentError as error:
        raise StateError(str(error)) from error


def _policy(visit: Visit, title: str, known: Mapping[str, Any]) -> EvidencePolicy:
    assert visit.snapshot is not None
    wanted = FindingQuery(recommendations=frozenset({known["key"].lower()}))
    found = visit.snapshot.findings.page(visit.reach(ASSESSMENTS), wanted, order="state", most=1_000_000)
    resources = [(each.resource, each.state.value, each.cause) for each in found]
    return EvidencePolicy(title, known["state"], resources)


def _controls(visit: Visit, name: str) -> dict[str, dict[str, object]]:
    """Control -> its title, state and policies over all subscriptions that are looked at."""
    found: dict[str, dict[str, Any]] = {}
    assert visit.snapshot is not None
    of = partial(visit.snapshot.standards.of, visit.reach(READ), name)
    for body in of(CONTROL):
        control = _control(body["id"])
        known = found.setdefault(
            control, {"title": body["properties"]["description"], "state": None, "policies": {}}
        )
        known["state"] = _worst(known["state"], body["properties"]["state"])
    for body in of(ASSESSMENT):
        if (control := _control(body["id"])) in found:
            told = body["properties"]
            known = found[control]["policies"].setdefault(
                told["description"], {"state": None, "failed": 0, "passed": 0, "key": body["name"]}
            )
            known["state"] = _worst(known["state"], told["state"])
            known["failed"] += told["failedResources"]
            known["passed"] += told["passedResources"]
    return found


def _control(id_: str) -> str:
    """The control that an id names."""
    return id_.split("/")[8]


def _worst(known: str | None, state: str) -> str:
    return state if known is None else worse(known, state)


PAGES = (
    Page(
        "/compliance",
        "Compliance",
        "compliance.html",
        READ,
        fill_page,
        PageArea.POSTURE,
        20,
        ahead=standards_of,
    ),
    Page("/compliance/{name}", "Standard", "standard.html", READ, one),
)
