"""The lists of what an image holds: vulnerabilities of its packages, and the packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.model.package import Package
from nephoscope.state.inventory.finding import SubjectFinding
from nephoscope.web.lists.affected_list import Held, find_fix, mark_exemption
from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.column_kinds import build_text_column
from nephoscope.web.lists.list_cell import ListCell, build_number_cell, build_state_cell, build_text_cell
from nephoscope.web.lists.list_view import RowList
from nephoscope.web.lists.row_facets import RowFacet
from nephoscope.web.lists.severity_column import build_severity_column, build_severity_facet

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit


def build_finding_list(visit: Visit, held: Held) -> RowList[SubjectFinding]:
    """Describe the list of vulnerabilities; `held` are the exemptions of findings."""

    def build_title_cell(one: SubjectFinding) -> ListCell:
        known = one.finding.vulnerability
        marks = mark_exemption(held.get(one.finding.key))
        return build_text_cell(known.id, visit.link(f"/vulnerabilities/{known.id}"), marks=marks)

    def is_exempt(one: SubjectFinding) -> str:
        return "Exempt" if one.finding.key in held else "Not exempt"

    return RowList(
        "image-vulnerabilities", "vulnerability",
        (
            build_severity_column(lambda one: one.finding.severity),
            ListColumn("cve", "CVE", build_title_cell, main=True, width="name"),
            ListColumn("exploited", "Exploited", _show_exploitation, optional=True, largest=True, width="state"),
            ListColumn("epss", "EPSS", _build_epss_cell, number=True, hint="Probability that it is exploited within 30 days"),
            build_text_column("package", "Package", lambda one: one.finding.name),
            build_text_column("version", "Version", lambda one: one.finding.version),
            build_text_column("fixed", "Fixed in", find_fix),
            build_text_column("type", "Type", lambda one: one.finding.type, shown=False),
        ),
        lambda one: "-".join(map(str, one.finding.key)),
        (
            build_severity_facet(lambda one: one.finding.severity),
            RowFacet("fix", "Fix", lambda one: ("Available" if one.finding.fixed_version else "None",)),
            RowFacet("package", "Package", lambda one: (one.finding.name,)),
            RowFacet("exempt", "Exemption", lambda one: (is_exempt(one),)),
        ),
        lambda one: f"{one.finding.vulnerability.id} {one.finding.name} {one.finding.version}",
        hint="CVE or package", several="vulnerabilities", about_of=lambda one: one.finding.vulnerability.summary,
    )  # fmt: skip


def build_package_list() -> RowList[Package]:
    """Describe the list of packages."""
    return RowList(
        "image-packages", "package",
        (
            ListColumn("package", "Package", lambda one: build_text_cell(one.name), main=True, width="name"),
            build_text_column("version", "Version", lambda one: one.version),
            build_text_column("type", "Type", lambda one: one.type, width="short"),
            build_text_column("licenses", "Licenses", lambda one: ", ".join(one.licenses)),
            build_text_column("path", "Path", lambda one: one.path),
            build_text_column("layer", "Layer", lambda one: one.layer[:19], shown=False),
        ),
        lambda one: f"{one.type} {one.name} {one.version} {one.path}",
        (
            RowFacet("type", "Type", lambda one: (one.type,)),
            RowFacet("license", "License", lambda one: one.licenses),
        ),
        lambda one: f"{one.name} {one.version} {one.path}", hint="Package or path",
    )  # fmt: skip


def _show_exploitation(one: SubjectFinding) -> ListCell:
    known = one.finding.vulnerability
    word = "Ransomware" if known.is_used_by_ransomware else "Exploited" if known.is_exploited else ""
    return build_state_cell(word, "error", order=float(known.is_exploited + known.is_used_by_ransomware))


def _build_epss_cell(one: SubjectFinding) -> ListCell:
    value = one.finding.vulnerability.probability
    return build_number_cell(value, text="" if value is None else f"{value * 100:.1f} %")
