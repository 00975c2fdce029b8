"""The list of the machines and images that have a vulnerability: in which package, where that lies, and what fixes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from nephoscope.state.inventory.finding import SubjectFinding
from nephoscope.state.inventory.subject import SubjectKind
from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.column_kinds import build_relative_time_column, build_text_column
from nephoscope.web.lists.list_cell import CellMark, ListCell, build_text_cell
from nephoscope.web.lists.list_view import RowList
from nephoscope.web.lists.row_facets import RowFacet
from nephoscope.web.lists.severity_column import build_severity_column, build_severity_facet

if TYPE_CHECKING:
    from nephoscope.model.package import Package
    from nephoscope.service.exemption_lookup import VulnerabilityExemption
    from nephoscope.web.visits.request_context import Visit

Held = Mapping[tuple[int, int, str], "VulnerabilityExemption"]
Places = Mapping[tuple[int, int], Sequence["Package"]]


def build_affected_list(visit: Visit, held: Held, places: Places) -> RowList[SubjectFinding]:
    """Describe the list; `held` are the exemptions of findings, `places` the packages of those that a page shows."""

    def build_title_cell(one: SubjectFinding) -> ListCell:
        subject, exemption = one.subject, held.get(one.finding.key)
        path = f"/images/{subject.digest}" if subject.kind is SubjectKind.IMAGE else ""
        path = path or (f"/resource{subject.resource_id}" if subject.resource_id else "")
        marks = mark_exemption(exemption)
        return build_text_cell(
            subject.name,
            visit.link(path) if path else "",
            whole=subject.resource_id or subject.key,
            marks=marks,
        )

    def build_package_cell(one: SubjectFinding) -> ListCell:
        return build_text_cell(
            one.finding.name, visit.link("/vulnerabilities", package=one.finding.name), note=one.finding.type
        )

    def build_path_cell(one: SubjectFinding) -> ListCell:
        several = places.get((one.finding.subject, one.finding.package), ())
        paths = [
            f"{each.path or '–'} in layer {each.layer[7:19]}" if each.layer else each.path for each in several
        ]
        return build_text_cell(
            next(iter(paths), ""),
            whole=", ".join(paths),
            note=f"and {len(paths) - 1} more" if paths[1:] else "",
        )

    return RowList(
        "affected", "finding",
        (
            build_severity_column(lambda one: one.finding.severity),
            ListColumn("subject", "Machine or image", build_title_cell, main=True, width="name"),
            build_text_column("kind", "Kind", lambda one: one.subject.kind.value.capitalize(), width="short"),
            ListColumn("package", "Package", build_package_cell, optional=True),
            build_text_column("version", "Version", lambda one: one.finding.version),
            build_text_column("fixed", "Fixed in", find_fix),
            ListColumn("path", "Path", build_path_cell, optional=True, sorted=False),
            build_relative_time_column("first", "First seen", lambda one: one.finding.first_seen),
            build_text_column("scanner", "Scanner", _find_scanner, shown=False),
        ),
        lambda one: "-".join(map(str, one.finding.key)),
        (
            build_severity_facet(lambda one: one.finding.severity),
            RowFacet("kind", "Kind", lambda one: (one.subject.kind.value,), str.capitalize),
            RowFacet("package", "Package", lambda one: (one.finding.name,)),
            RowFacet("fix", "Fix", lambda one: ("Available" if one.finding.fixed_version else "None",)),
            RowFacet("exempt", "Exemption", lambda one: ("Exempt" if one.finding.key in held else "Not exempt",)),
        ),
        lambda one: f"{one.subject.name} {one.finding.name} {one.finding.version}", hint="Machine, image or package",
    )  # fmt: skip


def mark_exemption(exemption: VulnerabilityExemption | None) -> list[CellMark]:
    """Mark what is exempt, with the end of the exemption."""
    if exemption is None:
        return []
    until = f" until {exemption.expires:%Y-%m-%d}" if exemption.expires else ""
    return [CellMark(f"exempt{until}", title=exemption.reason)]


def find_fix(one: SubjectFinding) -> str:
    """Return the version that fixes a finding, else what is said of a fix."""
    return one.finding.fixed_version or one.finding.state.replace("_", " ")


def _find_scanner(one: SubjectFinding) -> str:
    return one.subject.scanner if one.subject.is_reported else ""
