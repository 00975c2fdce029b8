"""Images of registries and of scans: where each stands and what was found; one with its packages, layers and decisions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal

from starlette.responses import Response

from nephoscope.model.package import Package
from nephoscope.service.exemption_lookup import find_exemptions
from nephoscope.service.image_examinations import load_examinations, load_findings
from nephoscope.service.image_overview import (
    MOST_IMAGES,
    STATUS_WORDS,
    ImageOverview,
    count_severities,
    find_image,
    find_workloads,
    list_images,
    list_readable_registries,
)
from nephoscope.service.inventories import READ as INVENTORIES
from nephoscope.service.registries import READ_IMAGES, WRITE_IMAGES, decide_image, request_examination
from nephoscope.service.vulnerabilities import (
    AssessmentCoverage,
    assess_coverage,
    list_distinct_findings,
    list_findings,
)
from nephoscope.state import NotFoundError
from nephoscope.state.database.state_errors import ConcurrentChangeError
from nephoscope.state.inventory.finding import FindingFilter, SubjectFinding
from nephoscope.state.inventory.image_examinations import ImageFinding
from nephoscope.state.inventory.subject import SubjectFilter
from nephoscope.web.forms.form import apply_form, read_requested_act
from nephoscope.web.forms.optimistic_lock import (
    compute_form_digest,
    describe_concurrent_changes,
    require_unchanged_state,
)
from nephoscope.web.lists.image_list import build_image_list
from nephoscope.web.lists.list_view import ROWS, find_rows, show_page, show_rows
from nephoscope.web.lists.page_offset import compute_page_start
from nephoscope.web.lists.software_list import build_finding_list, build_package_list
from nephoscope.web.page_data.image_facts import (
    count_problems,
    count_unassessed_packages,
    count_verdict_severities,
    group_by_layer,
    group_findings_by_section,
    group_reasons_by_section,
    list_decisions,
    list_statements,
)
from nephoscope.web.pages.vulnerabilities import SEVERITIES
from nephoscope.web.tables.page_tables import PageTable, download_table
from nephoscope.web.tables.table_download import build_csv_response
from nephoscope.web.visits.page import Page, PageArea
from nephoscope.web.visits.request_context import Visit

MOST_FINDINGS = 10_000
#: What is counted of an image beside its vulnerabilities.
PROBLEMS = ("Malware", "Secrets", "Configuration", "Licenses")
HEADER = (
    "Status", "Server", "Repository", "Tags", "Digest", "Running in", *SEVERITIES, *PROBLEMS, "Packages not assessed", "Scanned",
    "Reasons",
)  # fmt: skip
FINDING_HEADER = ("Severity", "Package", "Version", "Fixed in", "State", "CVE", "Exempt", "Exempt until")
PACKAGE_HEADER = ("Package", "Version", "Type", "Licenses", "Place", "Layer")
PROBLEM_HEADER = ("Kind", "Severity", "Finding", "Rule", "Place", "Line", "Layer")
REASON_HEADER = ("Kind", "Effect", "Reason", "Platform")


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """Fill the list of images."""
    every = list_images(visit.service, visit.reach, visit.get_query_value("q"))
    reach = visit.reach(INVENTORIES)
    found = find_rows(visit, build_image_list(visit, lambda _: None, lambda _: None), every)
    if visit.get_query_value("format") == "csv":
        counts = count_severities(visit.service, reach, found.rows)
        return build_csv_response("images", HEADER, _list_rows(visit, found.rows, counts))
    start = compute_page_start(visit)
    page = found.rows[start : start + ROWS]
    counts = count_severities(visit.service, reach, page)
    wanted = build_image_list(visit, lambda one: _sum_counts([one], counts), _build_counter(visit, page))
    return {
        "list": show_page(visit, wanted, page, found.facets, len(found.rows), start),
        "any": bool(every), "running": sum(bool(one.running) for one in every),
        "registries": [one.address for one in list_readable_registries(visit.service, visit.reach(READ_IMAGES))],
        "most": MOST_IMAGES if len(every) >= MOST_IMAGES else 0,
    }  # fmt: skip


def show_image(visit: Visit) -> Mapping[str, object] | Response:
    """Fill the page of an image; a form that comes back promotes, rejects or rescans it."""
    if visit.request.method == "POST":
        return apply_form(
            lambda: _apply_form(visit),
            lambda error: _show_image(visit, error),
            lambda: describe_concurrent_changes(visit, visit.form.get("target", "")),
        )
    places = find_image(visit.service, visit.reach, visit.parameters["digest"])
    found, packages = _list_findings(visit, places), _list_packages(visit, places)
    tables = {
        "vulnerabilities": lambda: PageTable(FINDING_HEADER, _list_finding_rows(visit, found)),
        "packages": lambda: PageTable(PACKAGE_HEADER, map(_build_package_row, packages)),
        "layers": lambda: PageTable(
            ("Layer", "Packages", "Types"),
            (
                (layer.digest, layer.packages, " ".join(layer.ecosystems))
                for layer in group_by_layer(packages)
            ),
        ),
        "reasons": lambda: PageTable(REASON_HEADER, _build_reason_rows(places)),
        "findings": lambda: PageTable(
            PROBLEM_HEADER, map(_build_problem_row, load_findings(visit.service, places))
        ),
    }
    file = download_table(visit, "image", tables)
    return file if file is not None else _show_image(visit)


def _show_image(visit: Visit, refused: str = "") -> dict[str, object]:
    digest = visit.parameters["digest"]
    places = find_image(visit.service, visit.reach, digest)
    found, packages = _list_findings(visit, places), _list_packages(visit, places)
    subjects = {each.id: each for one in places for each in one.subjects}
    coverage = list(assess_coverage(visit.service, subjects.values()).values())
    return {
        "digest": digest, "places": places, "words": STATUS_WORDS, "examined": any(one.scanned_at for one in places),
        "found": len(found) if coverage else None, "held": len(packages) if coverage else None,
        **_list_software(visit, found, packages), "layers": group_by_layer(packages), "sections": _group_reasons(places),
        "counts": _sum_counts(places, count_severities(visit.service, visit.reach(INVENTORIES), places)),
        "coverage": coverage, "missing": _count_missing_packages(places, coverage),
        "problems": _build_counter(visit, places), "problem_sections": group_findings_by_section(load_findings(visit.service, places)),
        "stated": list_statements(visit, places),
        "decisions": list_decisions(visit, places), "running": find_workloads(visit.service, places),
        "may": visit.caller.is_permitted(WRITE_IMAGES, "/"),
        "etag": {id_: compute_form_digest(visit, _read_form_state(visit, id_)) for id_ in _list_ids(places)},
        "refused": refused, "overtaken": None, "done": visit.get_query_value("done"), "typed": visit.form.get("reason", ""),
    }  # fmt: skip


def _list_software(
    visit: Visit, found: Sequence[SubjectFinding], packages: Sequence[Package]
) -> dict[str, object]:
    """Return the list of vulnerabilities, or of packages where the address asks for it."""
    if visit.get_query_value("show") == "packages":
        wanted = build_package_list()
        return {"list": show_rows(visit, wanted, find_rows(visit, wanted, packages)), "chosen": "packages"}
    listed = build_finding_list(visit, find_exemptions(visit.service, found))
    return {"list": show_rows(visit, listed, find_rows(visit, listed, found)), "chosen": "vulnerabilities"}


def _apply_form(visit: Visit) -> str:
    """Do what a form asks for: ConcurrentChangeError where the image stands otherwise by now."""
    asked, id_ = read_requested_act(visit, "examine", "promote", "reject"), visit.form.get("id", "")
    places = find_image(visit.service, visit.reach, visit.parameters["digest"])
    if id_ not in _list_ids(places):
        raise NotFoundError("image not found, or you cannot access it")
    with require_unchanged_state(visit, lambda: _read_form_state(visit, id_)):
        if asked == "examine":
            request_examination(visit.service, [id_])
        else:
            decision: Literal["promote", "reject"] = "promote" if asked == "promote" else "reject"
            decide_image(visit.service, id_, decision, visit.form.get("reason", ""))
    return visit.build_address(done=asked)


def _list_ids(places: Iterable[ImageOverview]) -> list[str]:
    return [one.registered.id for one in places if one.registered is not None]


def _read_form_state(visit: Visit, id_: str) -> object:
    """Return what the forms of an image are drawn of."""
    try:
        image = visit.instance.state.registry_images.get(id_)
    except NotFoundError as error:
        raise ConcurrentChangeError("the image no longer exists") from error
    return image.status.value, image.verdict, image.decided_by


def _build_counter(
    visit: Visit, images: Sequence[ImageOverview]
) -> Callable[[ImageOverview], Mapping[str, int | None] | None]:
    """Return what counts the problems of an image, with the stored examinations of images."""
    stored = load_examinations(visit.service, images)
    return lambda image: count_problems(image, stored)


def _count_missing_packages(
    places: Iterable[ImageOverview], coverage: Iterable[AssessmentCoverage]
) -> int | None:
    """Return the most packages that a scan did not assess; None where none was scanned."""
    counts = [sum(one.not_assessed.values()) for one in coverage]
    return max(
        counts or [count for one in places if (count := count_unassessed_packages(one)) is not None],
        default=None,
    )


def _sum_counts(
    several: Iterable[ImageOverview], counts: Mapping[int, Mapping[str, int]]
) -> dict[str, int] | None:
    """Return the vulnerabilities of images by severity, the most that a single platform has; None where none was scanned.

    Of an image whose packages are not kept, since it left quarantine or was rejected there, those of its verdict count.
    """
    found = [counts.get(each.id, {}) for one in several for each in one.subjects]
    found += [
        counts_found
        for one in several
        if not one.subjects and (counts_found := count_verdict_severities(one)) is not None
    ]
    return {name: max(one.get(name, 0) for one in found) for name in SEVERITIES} if found else None


def _list_rows(
    visit: Visit, several: Sequence[ImageOverview], counts: Mapping[int, Mapping[str, int]]
) -> Iterator[Sequence[object]]:
    problems_of = _build_counter(visit, several)
    for one in several:
        severities, problems = _sum_counts([one], counts), problems_of(one)
        yield (
            STATUS_WORDS[one.status], one.server, one.repository, " ".join(one.tags), one.digest, " ".join(one.running),
            *("" if severities is None else severities[name] for name in SEVERITIES),
            *("" if problems is None or problems.get(name, 0) is None else problems.get(name, 0) for name in PROBLEMS),
            count_unassessed_packages(one), one.scanned_at.isoformat() if one.scanned_at else "",
            "; ".join(str(each.get("text", "")) for each in (one.registered.reasons if one.registered else ())),
        )  # fmt: skip


def _list_findings(visit: Visit, places: Sequence[ImageOverview]) -> list[SubjectFinding]:
    """Return the findings of an image, each package and vulnerability once, for whatever machine and whoever saw it."""
    ids = frozenset(each.id for one in places for each in one.subjects)
    if not ids:
        return []
    wanted = FindingFilter(SubjectFilter(visit.reach(INVENTORIES), ids=ids), most=MOST_FINDINGS)
    return list_distinct_findings(list_findings(visit.service, wanted))


def _list_packages(visit: Visit, places: Sequence[ImageOverview]) -> list[Package]:
    sets = dict.fromkeys(each.package_set for one in places for each in one.subjects)
    held = visit.instance.state.inventories
    found = {package: None for one in sets for package in held.list_packages(one)}
    return sorted(found, key=lambda one: (one.name.casefold(), one.version, one.path))


def _group_reasons(places: Sequence[ImageOverview]) -> dict[str, list[Mapping[str, object]]]:
    """Return the reasons of all places by section, each once."""
    found: dict[str, list[Mapping[str, object]]] = {}
    for one in places:
        for name, several in group_reasons_by_section(one).items():
            held = found.setdefault(name, [])
            held.extend(each for each in several if each not in held)
    return found


def _list_finding_rows(visit: Visit, found: Sequence[SubjectFinding]) -> Iterator[Sequence[object]]:
    held = find_exemptions(visit.service, found)
    for one in found:
        finding, exemption = one.finding, held.get(one.finding.key)
        until = exemption.expires.isoformat() if exemption and exemption.expires else ""
        yield (
            finding.severity, finding.name, finding.version, finding.fixed_version, finding.state, finding.vulnerability.id,
            "yes" if exemption else "no", until,
        )  # fmt: skip


def _build_package_row(one: Package) -> Sequence[object]:
    return one.name, one.version, one.type, " ".join(one.licenses), one.path, one.layer


def _build_problem_row(one: ImageFinding) -> Sequence[object]:
    return one.kind, one.severity, one.title, one.rule, one.path, one.line or "", one.layer


def _build_reason_rows(places: Sequence[ImageOverview]) -> Iterator[Sequence[object]]:
    for several in _group_reasons(places).values():
        for one in several:
            yield one.get("kind"), one.get("effect"), one.get("text"), one.get("platform", "")


PAGES = (
    Page("/images", "Images", "images.html", READ_IMAGES, fill_page, PageArea.PROTECTION, 5),
    Page("/images/{digest}", "Image", "image.html", READ_IMAGES, show_image, methods=("GET", "POST")),
)
