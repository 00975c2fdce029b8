"""Vulnerabilities of machines and images, the riskiest first; one with who has it, why it matches and what is said of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from starlette.responses import Response

from nephoscope.model.read_scope import Reach
from nephoscope.posture.published.attack_paths import PathRow
from nephoscope.service.exemption_lookup import find_exemptions
from nephoscope.service.inventories import READ
from nephoscope.service.vulnerabilities import (
    add_first_seen_dates,
    explain_finding,
    list_findings,
    list_vulnerabilities,
)
from nephoscope.service.vulnerability_overview import (
    VulnerabilityReport,
    list_feed_ages,
    locate_packages,
    map_exposed_vulnerabilities,
    order_by_risk,
    report_vulnerability,
    summarize_coverage,
)
from nephoscope.state import NotFoundError
from nephoscope.state.inventory.finding import FindingFilter, SubjectFinding, VulnerabilitySummary
from nephoscope.state.inventory.subject import InventorySubject, SubjectFilter, SubjectKind
from nephoscope.vulnerability.matching.findings import PackageFinding
from nephoscope.vulnerability.severities import rank_severity
from nephoscope.web.forms.form import apply_form
from nephoscope.web.forms.optimistic_lock import describe_concurrent_changes
from nephoscope.web.forms.vulnerability_exemptions import HEADER as EXEMPTION_HEADER
from nephoscope.web.forms.vulnerability_exemptions import (
    build_exemption_row,
    change_exemptions,
    list_choices,
    list_fully_exempted_names,
    list_shown_exemptions,
)
from nephoscope.web.lists.affected_list import Held, build_affected_list
from nephoscope.web.lists.list_view import ROWS, ListView, find_rows, show_page
from nephoscope.web.lists.page_offset import compute_page_start
from nephoscope.web.lists.vulnerability_list import build_vulnerability_list, find_fix
from nephoscope.web.page_data.source_links import sanitize_link
from nephoscope.web.pages.attack_paths import READ as PATHS
from nephoscope.web.tables.keyset_pagination import PageKeys, find_page_start, get_page_keys
from nephoscope.web.tables.page_tables import PageTable, download_table
from nephoscope.web.tables.table_download import build_csv_response
from nephoscope.web.visits.page import Page, PageArea
from nephoscope.web.visits.request_context import Visit

MOST, MOST_HOLDERS, MOST_REASONS = 100_000, 10_000, 20
SEVERITIES = ("Critical", "High", "Medium", "Low", "Negligible", "Unknown")
#: How exposed the machines are that have a vulnerability, by the level.
EXPOSURES = ("", "Internet", "attack path")
PATH_HEADER = ("Severity", "Attack path", "Through", "Name")
REASON_HEADER = (
    "Package",
    "Version",
    "Advisory",
    "Source",
    "Ecosystem",
    "Name in advisory",
    "Range",
    "Fixed in",
    "By source package",
)
HEADER = (
    "CVE", "Severity", "Score", "Exploited", "EPSS", "Exposed", "Fix available", "Machines", "Images", "First seen", "Summary",
    "Aliases", "Exempt",
)  # fmt: skip
HOLDER_HEADER = (
    "Kind", "Name", "Severity", "Package", "Version", "Fixed in", "State", "Place", "Layer", "First seen", "Resource", "Digest",
)  # fmt: skip


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """Fill the list by vulnerability."""
    reach = visit.reach(READ)
    exposed = map_exposed_vulnerabilities(visit.service, reach)
    wanted = _read_filters(visit, _build_subjects(visit, reach))
    exempt = list_fully_exempted_names(visit)
    every = order_by_risk(list_vulnerabilities(visit.service, wanted), exposed)
    every.sort(key=lambda one: _is_exempt(one, exempt))
    exempted = {one.vulnerability.id for one in every if _is_exempt(one, exempt)}
    listed = build_vulnerability_list(visit, exposed, exempted)
    found = find_rows(visit, listed, every)
    if visit.get_query_value("format") == "csv":
        return build_csv_response(
            "vulnerabilities",
            HEADER,
            (
                [*_build_row(one, exposed), "yes" if _is_exempt(one, exempt) else "no"]
                for one in add_first_seen_dates(visit.service, wanted, found.rows)
            ),
        )
    start, keys = _find_page(visit, [one.vulnerability.id for one in found.rows])
    page = add_first_seen_dates(visit.service, wanted, found.rows[start : start + ROWS])
    return {
        "list": show_page(visit, listed, page, found.facets, len(found.rows), start, keys), "any": bool(every),
        "tiles": _count_tiles(every), "coverage": summarize_coverage(visit.service, reach), "feeds": list_feed_ages(visit.service),
        "package": visit.get_query_value("package"), "only": _list_filter(visit),
    }  # fmt: skip


def _find_page(visit: Visit, keys: Sequence[str]) -> tuple[int, PageKeys]:
    """Return where the page begins that is asked for, and the keys at its ends."""
    after, before = visit.get_query_value("after"), visit.get_query_value("before")
    start = find_page_start(keys, ROWS, after=after, before=before, start=compute_page_start(visit))
    return start, get_page_keys(keys, start, ROWS)


def show_vulnerability(visit: Visit) -> Mapping[str, object] | Response:
    """Fill the page of a vulnerability; a form that comes back exempts from it, or ends an exemption."""
    if visit.request.method == "POST":
        return apply_form(
            lambda: change_exemptions(visit, visit.parameters["name"], _list_holders(visit)),
            lambda error: _show_vulnerability(visit, error),
            lambda: describe_concurrent_changes(visit, visit.form.get("exemption", "")),
        )
    name, found = visit.parameters["name"], _list_holders(visit)
    tables = {
        "holders": lambda: PageTable(HOLDER_HEADER, _list_holder_rows(visit, found)),
        "reasons": lambda: PageTable(REASON_HEADER, _build_reason_rows(_explain_matches(visit, found))),
        "paths": lambda: PageTable(PATH_HEADER, map(_build_path_row, _list_paths(visit, found))),
        "exemptions": lambda: PageTable(
            EXEMPTION_HEADER,
            map(build_exemption_row, list_shown_exemptions(visit, find_exemptions(visit.service, found))),
        ),
    }
    file = download_table(visit, name, tables)
    return file if file is not None else _show_vulnerability(visit)


def _list_holders(visit: Visit) -> list[SubjectFinding]:
    """Return who has the vulnerability, of what the visitor may see."""
    wanted = FindingFilter(
        SubjectFilter(visit.reach(READ)), vulnerability=visit.parameters["name"], most=MOST_HOLDERS
    )
    return list_findings(visit.service, wanted)


def _show_vulnerability(visit: Visit, refused: str = "") -> dict[str, object]:
    name, found = visit.parameters["name"], _list_holders(visit)
    report = report_vulnerability(visit.service, name)
    if not (found or report.advisories or report.exploited or report.prediction):
        raise NotFoundError(f"no imported advisory covers {name[:100]}")
    held = find_exemptions(visit.service, found)
    return {
        "name": name, "list": _list_affected_subjects(visit, found, held), "any": bool(found),
        "explained": _explain_matches(visit, found), "report": report,
        "exemptions": list_shown_exemptions(visit, held), "offered": list_choices(visit, found),
        "refused": refused, "overtaken": None, "done": visit.get_query_value("done"), "given": dict(visit.form) if refused else {},
        "paths": _list_paths(visit, found), "about": _describe_vulnerability(found, report), "references": _list_references(report),
        "counts": Counter(one.kind.value for one in _list_distinct_subjects(found)),
    }  # fmt: skip


def _list_affected_subjects(visit: Visit, every: Sequence[SubjectFinding], held: Held) -> ListView:
    """List who has it; where packages lie is read for the page that is shown alone."""
    found = find_rows(visit, build_affected_list(visit, held, {}), every)
    start, keys = _find_page(visit, ["-".join(map(str, one.finding.key)) for one in found.rows])
    page = found.rows[start : start + ROWS]
    wanted = build_affected_list(visit, held, locate_packages(visit.service, page))
    return show_page(visit, wanted, page, found.facets, len(found.rows), start, keys)


def _build_subjects(visit: Visit, reach: Reach) -> SubjectFilter:
    return SubjectFilter(
        reach, resource=visit.get_query_value("resource"), image=visit.get_query_value("image")
    )


def _read_filters(visit: Visit, subjects: SubjectFilter) -> FindingFilter:
    return FindingFilter(subjects, package=visit.get_query_value("package"), most=MOST)


def _list_filter(visit: Visit) -> str:
    """Return what the list is narrowed to by a link of another page, '' where it is of all."""
    return visit.get_query_value("resource").rsplit("/", 1)[-1] or visit.get_query_value("image")


def _is_exempt(one: VulnerabilitySummary, exempt: frozenset[str]) -> bool:
    known = one.vulnerability
    return not exempt.isdisjoint(name.lower() for name in (known.id, *known.aliases))


def _count_tiles(every: Iterable[VulnerabilitySummary]) -> dict[str, int]:
    """Count what the head of the page tells."""
    several = list(every)
    return {
        "exploited": sum(one.vulnerability.is_exploited for one in several),
        "grave": sum(rank_severity(one.severity) >= rank_severity("High") for one in several),
        "fixable": sum(one.fixable > 0 for one in several),
        "all": len(several),
    }


def _build_row(one: VulnerabilitySummary, exposed: Mapping[str, int]) -> tuple[object, ...]:
    known, exposure = one.vulnerability, EXPOSURES[exposed.get(one.vulnerability.id, 0)]
    return (
        known.id, one.severity, one.score, "yes" if known.is_exploited else "no", known.probability, exposure,
        find_fix(one), one.machines,
        one.images, one.first_seen.isoformat() if one.first_seen else "", known.summary, " ".join(known.aliases),
    )  # fmt: skip


def _list_holder_rows(visit: Visit, found: Sequence[SubjectFinding]) -> Iterator[tuple[object, ...]]:
    places = locate_packages(visit.service, found)
    for one in found:
        finding, subject = one.finding, one.subject
        where = places[finding.subject, finding.package]
        yield (
            subject.kind.value, subject.name, finding.severity, finding.name, finding.version, finding.fixed_version, finding.state,
            " ".join(each.path for each in where), " ".join(each.layer for each in where), finding.first_seen.isoformat(),
            subject.resource_id, subject.digest,
        )  # fmt: skip


def _explain_matches(visit: Visit, found: Sequence[SubjectFinding]) -> list[PackageFinding]:
    """Return why each package matches, each once."""
    by_package = {one.finding.package: one.finding for one in reversed(found)}
    several = list(reversed(by_package.values()))[:MOST_REASONS]
    return [
        explanation for one in several if (explanation := explain_finding(visit.service, one)) is not None
    ]


def _list_paths(visit: Visit, found: Sequence[SubjectFinding]) -> list[PathRow]:
    """Return the attack paths through machines that have the vulnerability."""
    resources = {one.subject.resource_id for one in found if one.subject.kind is SubjectKind.MACHINE} - {""}
    every = (
        visit.snapshot.attack_paths.list_wanted(visit.reach(PATHS)) if visit.snapshot and resources else ()
    )
    return [path for path in every if any(entity.key in resources for entity in path.entities)]


def _build_reason_rows(explained: Iterable[PackageFinding]) -> Iterator[tuple[object, ...]]:
    for one in explained:
        for reason in one.reasons:
            yield (
                one.package.name, one.package.version, reason.advisory, reason.source, reason.ecosystem, reason.name, reason.range,
                one.fixed_version, "yes" if reason.by_source_package else "no",
            )  # fmt: skip


def _build_path_row(one: PathRow) -> tuple[str, ...]:
    return one.level.value, one.title, " → ".join(each.name for each in one.entities), one.name


def _list_distinct_subjects(found: Iterable[SubjectFinding]) -> Iterable[InventorySubject]:
    """Return each machine and image once, however many scanners saw it."""
    return {one.subject.identity: one.subject for one in found}.values()


def _describe_vulnerability(
    found: Sequence[SubjectFinding], report: VulnerabilityReport
) -> dict[str, object]:
    """Return what is known of the vulnerability whatever has it: the first that says something."""
    known = found[0].finding.vulnerability if found else None
    advisories = report.advisories
    severities = [one.finding.severity for one in found] or [
        one.severity for one in advisories if one.severity
    ]
    return {
        "summary": next((one.summary for one in (*((known,) if known else ()), *advisories) if one.summary), ""),
        "details": next((one.details for one in advisories if one.details), ""),
        "severity": max(severities, key=rank_severity, default="Unknown"),
        "score": max((one.finding.score for one in found if one.finding.score is not None), default=None),
        "aliases": sorted({alias for one in advisories for alias in (one.id, *one.aliases)} | set(known.aliases if known else ())),
        "weaknesses": list(dict.fromkeys(name for one in advisories for name in one.weaknesses)),
        "vectors": list(dict.fromkeys(vector for one in advisories for vector in one.vectors)),
        "published": min((one.published for one in advisories if one.published), default=""),
        "first_seen": min((one.finding.first_seen for one in found), default=None),
    }  # fmt: skip


def _list_references(report: VulnerabilityReport) -> list[str]:
    """Return the addresses that advisories name and that may be opened."""
    named = dict.fromkeys(address for one in report.advisories for address in one.references)
    return [address for address in named if sanitize_link(address)]


PAGES = (
    Page(
        "/vulnerabilities", "Vulnerabilities", "vulnerabilities.html", READ, fill_page, PageArea.POSTURE, 12
    ),
    Page(
        "/vulnerabilities/{name:path}",
        "Vulnerability",
        "vulnerability.html",
        READ,
        show_vulnerability,
        methods=("GET", "POST"),
    ),
)
