"""Regulatory compliance: the standards of what is looked at, and one standard with its controls and their policies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from nephoscope.posture.published.findings import FindingQuery
from nephoscope.posture.published.standards import ASSESSMENT, CONTROL, ORDER
from nephoscope.state import NotFoundError, StateError
from nephoscope.web.lists.list_view import find_rows, show_rows
from nephoscope.web.lists.standard_list import StandardSummary, build_standard_list
from nephoscope.web.page_data.standard_controls import (
    ControlResult,
    PolicyResult,
    compute_passed_share,
    group_by_domain,
    read_controls,
)
from nephoscope.web.reports.background_documents import BackgroundDocuments
from nephoscope.web.reports.compliance_evidence import HEADER, Evidence, EvidenceControl, EvidencePolicy
from nephoscope.web.reports.compliance_report import ComplianceReport, NoDocumentError
from nephoscope.web.tables.table_download import build_csv_response, build_file_response
from nephoscope.web.visits.page import Page, PageArea
from nephoscope.web.visits.request_context import Visit

if TYPE_CHECKING:
    from collections.abc import Hashable
    from concurrent.futures import Future

    from nephoscope.model.read_scope import Reach
    from nephoscope.posture.published.published_snapshot import PublishedSnapshot
    from nephoscope.posture.published.standards import Standards

ASSESSMENTS = "Microsoft.Security/assessments/read"
READ = "Microsoft.Security/regulatoryComplianceStandards/read"


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """The standards: a control fails where it fails in any subscription that is looked at."""
    if visit.snapshot is None:
        return {"snapshot": None}
    standards = list_standards(visit.snapshot, visit.reach(READ))
    wanted = build_standard_list(visit)
    found = find_rows(visit, wanted, standards)
    if visit.get_query_value("format") == "csv":
        header = ("Standard", *ORDER, "Controls", "Policies passed", "Policies failed", "Policies", "Name")
        return build_csv_response("compliance", header, map(_build_row, found.rows))
    return {"snapshot": visit.snapshot, "any": bool(standards), "list": show_rows(visit, wanted, found)}


def _build_row(one: StandardSummary) -> tuple[str | int, ...]:
    states = (one.controls[state] for state in ORDER)
    policies = (one.policies["Passed"], one.policies["Failed"], one.policies.total())
    return one.title, *states, one.controls.total(), *policies, one.name


def list_standards(snapshot: PublishedSnapshot, reach: Reach) -> list[StandardSummary]:
    """Each standard that has controls, with these and its policies by state."""
    return snapshot.get_or_compute(("standards", reach), lambda: _list_standards(snapshot.standards, reach))


def _list_standards(standards: Standards, reach: Reach) -> list[StandardSummary]:
    controls, policies = standards.states(reach, CONTROL), standards.states(reach, ASSESSMENT)
    titles = {body["name"]: _get_standard_title(body) for body in standards.bodies(reach)}
    found = (
        StandardSummary(
            name, titles[name], Counter(controls[name].values()), Counter(policies.get(name, {}).values())
        )
        for name in titles
        if name in controls
    )
    return sorted(found, key=lambda one: one.title.casefold())


def _get_standard_title(body: Mapping[str, Any]) -> str:
    """Return what a standard is called: Azure's own documents have nothing but a name."""
    return str(body["properties"].get("displayName") or body["name"])


def show_standard(visit: Visit) -> Mapping[str, object] | Response:
    """One standard by its domains, and its report and evidence as files."""
    if visit.snapshot is None:
        return {"snapshot": None}
    name = visit.parameters["name"]
    reach = visit.reach(READ)
    snapshot = visit.snapshot
    controls = snapshot.get_or_compute(
        ("standard", name.casefold(), reach), lambda: read_controls(snapshot, reach, name)
    )
    if not controls:
        raise NotFoundError(f"standard {name[:100]!r} not found, or you cannot access it")
    if visit.get_query_value("format") == "csv":
        return build_csv_response(name, HEADER, _build_evidence(visit, name, controls).rows())
    title = _find_title(visit, name)
    if visit.get_query_value("format") == "pdf":
        return build_file_response(
            f"{name}.pdf", RequestedReport.of(visit, title, controls).read(), "application/pdf"
        )
    counts = Counter(each.state for each in controls)
    return {
        "snapshot": snapshot,
        "title": title,
        "domains": group_by_domain(controls),
        "counts": counts,
        "share": compute_passed_share(counts),
        "report": RequestedReport.of(visit, title, controls).state if visit.get_query_value("report") else "",
    }


def _find_title(visit: Visit, name: str) -> str:
    assert visit.snapshot is not None
    bodies = visit.snapshot.standards.bodies(visit.reach(READ))
    return next(
        (_get_standard_title(body) for body in bodies if body["name"].casefold() == name.casefold()), name
    )


@dataclass(frozen=True, slots=True)
class RequestedReport:
    """The report of a standard for one reader and scope, made in the background."""

    documents: BackgroundDocuments
    key: Hashable
    made: Future[bytes]

    @classmethod
    def of(cls, visit: Visit, title: str, controls: Sequence[ControlResult]) -> RequestedReport:
        """Ask for the report of the standard of a page."""
        assert visit.snapshot is not None
        name = visit.parameters["name"]
        key = (
            name.casefold(),
            visit.reach(READ),
            visit.reach(ASSESSMENTS),
            visit.caller.name,
            visit.get_query_value("scope"),
        )
        documents = visit.snapshot.get_or_compute("background documents", BackgroundDocuments)
        made = documents.request(
            key, lambda: ComplianceReport(title, controls, _build_evidence(visit, name, controls)).document()
        )
        return cls(documents, key, made)

    @property
    def state(self) -> str:
        """`making` or `ready`; StateError where it cannot be made."""
        if not self.made.done():
            return "making"
        self.read()
        return "ready"

    def read(self) -> bytes:
        """Wait for the document; StateError where it cannot be made."""
        try:
            return self.documents.read(self.key, self.made)
        except NoDocumentError as error:
            raise StateError(str(error)) from error


def _build_evidence(visit: Visit, name: str, controls: Sequence[ControlResult]) -> Evidence:
    """Every control with the resources behind the results of its policies."""
    assert visit.snapshot is not None
    scope = visit.get_query_value("scope")
    names = {**visit.subscriptions, **visit.management_groups}
    return Evidence(
        name,
        names.get(scope, scope) or "all resources that the reader can access",
        visit.snapshot.build_info.when,
        visit.caller.name,
        [
            EvidenceControl(
                control.name,
                control.title,
                control.state,
                [_build_policy(visit, policy) for policy in control.policies.values()],
            )
            for control in controls
        ],
    )


def _build_policy(visit: Visit, policy: PolicyResult) -> EvidencePolicy:
    assert visit.snapshot is not None
    wanted = FindingQuery(recommendations=frozenset({policy.key.lower()}))
    found = visit.snapshot.findings.page(visit.reach(ASSESSMENTS), wanted, order="state", most=1_000_000)
    resources = [(each.resource, each.state.value, each.cause) for each in found]
    return EvidencePolicy(policy.title, policy.state, resources)


PAGES = (
    Page(
        "/compliance",
        "Compliance",
        "compliance.html",
        READ,
        fill_page,
        PageArea.POSTURE,
        20,
        ahead=list_standards,
    ),
    Page("/compliance/{name}", "Standard", "standard.html", READ, show_standard),
)
