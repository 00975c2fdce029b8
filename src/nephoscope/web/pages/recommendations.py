"""Recommendations: every recommendation with how many resources stand how; one with why, how to fix it, and on which resources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from starlette.responses import RedirectResponse, Response

from nephoscope.posture.published.findings import ORDERS, FindingQuery
from nephoscope.posture.published.priorities import Priority
from nephoscope.service.code_to_cloud import find_origins_of_all
from nephoscope.state import NotFoundError
from nephoscope.state.database.state_errors import ConcurrentChangeError
from nephoscope.web.forms import exemption_forms
from nephoscope.web.lists.assessed_resource_list import STATE_FACETS, build_assessed_list, narrow_findings
from nephoscope.web.lists.list_view import ROWS, FoundRows, RowList, find_rows, show_page, show_rows
from nephoscope.web.lists.page_offset import compute_page_start
from nephoscope.web.lists.query_facets import Chosen, count_facets, read_chosen_values
from nephoscope.web.lists.recommendation_list import (
    build_recommendation_list,
    build_unjudged_list,
    describe_cause,
)
from nephoscope.web.page_data.assessment_progress import (
    explain_staleness,
    find_current_assessment,
    is_up_to_date,
)
from nephoscope.web.rendering.formatting import STATES, describe_cause_or_state
from nephoscope.web.tables.own_assessments import build_assessment_table as own_assessments_table
from nephoscope.web.tables.own_assessments import build_resource_table, list_external_assessments
from nephoscope.web.tables.page_tables import PageTable, download_table
from nephoscope.web.tables.recommendation_table import READ, build_recommendation_table, rank_recommendations
from nephoscope.web.tables.table_download import build_csv_response
from nephoscope.web.visits.page import Page, PageArea
from nephoscope.web.visits.request_context import Visit

if TYPE_CHECKING:
    from nephoscope.model.read_scope import Reach
    from nephoscope.posture.published.findings import RecommendationTally, UnjudgedCount
    from nephoscope.posture.published.published_snapshot import PublishedSnapshot

METADATA = "/providers/microsoft.security/assessmentmetadata"
#: What metadata leaves out where there is nothing to say.
SAID = ("description", "tactics", "techniques", "policyDefinitionId", "remediationDescription")


#: What a form did, in the address that it leads to.
DONE = ("exempted", "changed", "ended")


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """The list."""
    if visit.snapshot is None:
        return {"snapshot": None}
    ranked = rank_recommendations(visit, read_filters(visit))
    if visit.get_query_value("open"):
        return _list_unjudged_recommendations(visit, ranked)
    if not visit.get_query_value("all"):
        ranked = [one for one in ranked if one.tally.unhealthy]
    wanted = build_recommendation_list(visit)
    found = find_rows(visit, wanted, ranked)
    put = [
        one
        for one in list_external_assessments(visit)
        if visit.get_query_value("q").casefold() in one.title.casefold()
    ]
    if visit.get_query_value("format") != "csv":
        return {**_show_list(visit, wanted, found), "put": put}
    if visit.get_query_value("table") == "put":
        return build_csv_response("recommendations-put", *own_assessments_table(put))
    return build_csv_response("recommendations", *build_recommendation_table(found.rows))


def _show_list(visit: Visit, wanted: RowList[Priority], found: FoundRows[Priority]) -> dict[str, object]:
    return {
        "snapshot": visit.snapshot, "list": show_rows(visit, wanted, found), "put": (),
        "all": bool(visit.get_query_value("all")), "open": bool(visit.get_query_value("open")),
    }  # fmt: skip


def _list_unjudged_recommendations(
    visit: Visit, several: Sequence[Priority]
) -> Mapping[str, object] | Response:
    """The list of those that could not be judged for some resource, the most first, each with why."""
    causes = (
        visit.snapshot.findings.count_unjudged_recommendations(visit.reach(READ)) if visit.snapshot else {}
    )
    wanted = build_unjudged_list(visit, causes)
    found = find_rows(visit, wanted, [one for one in several if one.tally.recommendation in causes])
    if visit.get_query_value("format") == "csv":
        rows = (_build_unjudged_row(one.tally, causes[one.tally.recommendation]) for one in found.rows)
        return build_csv_response(
            "not-assessed", ("Severity", "Recommendation", "Not assessed", "Assessed", "Reason", "Id"), rows
        )
    return _show_list(visit, wanted, found)


def _build_unjudged_row(tally: RecommendationTally, several: Sequence[UnjudgedCount]) -> list[object]:
    why, missing = "; ".join(map(describe_cause, several)), sum(one.count for one in several)
    return [
        tally.severity.value,
        tally.title,
        missing,
        tally.counts.assessed_count,
        why,
        tally.recommendation,
    ]


def show_recommendation(visit: Visit) -> Mapping[str, object] | Response:
    """One recommendation."""
    snapshot, key = visit.snapshot, visit.parameters["key"].lower()
    if snapshot is None:
        return {"snapshot": None}
    known = snapshot.listing.get(f"{METADATA}/{key}", visit.caller.find_reach(READ))
    if known is None:
        return _show_external(visit, snapshot, key)
    asked = narrow_findings(key, read_chosen_values(visit, STATE_FACETS), visit.get_query_value("q"))
    if visit.request.method == "POST":
        try:
            done = dict.fromkeys(DONE) | exemption_forms.apply_exemption_form(visit, key)
        except ConcurrentChangeError:
            shown = _show_recommendation(visit, snapshot, key, known["properties"], asked)
            return {**shown, "overtaken": exemption_forms.find_conflict(visit)}
        return RedirectResponse(visit.build_address(**done), 303)
    files = {
        "resources": lambda: _build_resources(visit, known, asked),
        "exemptions": lambda: _build_exemptions(
            exemption_forms.list_shown_exemptions(visit, exemption_forms.list_exemptions(visit, key))
        ),
    }
    file = download_table(visit, key, files)
    return (
        file if file is not None else _show_recommendation(visit, snapshot, key, known["properties"], asked)
    )


def _show_external(visit: Visit, snapshot: PublishedSnapshot, key: str) -> Mapping[str, object] | Response:
    """One that another tool put."""
    own = next((one for one in list_external_assessments(visit) if one.key == key), None)
    if own is None or visit.request.method == "POST":
        raise NotFoundError(f"recommendation {key[:100]!r} not found, or you cannot access it")
    start = compute_page_start(visit)
    file = download_table(visit, key, {"resources": lambda: build_resource_table(own)})
    several = own.several[start : start + ROWS]
    page = {
        "snapshot": snapshot,
        "own": own,
        "several": several,
        "start": start,
        "rows": ROWS,
        "total": len(own.several),
    }
    return file if file is not None else page


def _show_recommendation(
    visit: Visit, snapshot: PublishedSnapshot, key: str, known: Mapping[str, object], asked: FindingQuery
) -> dict[str, object]:
    """Return what the page of one shows."""
    about = FindingQuery(recommendations=asked.recommendations)
    put = exemption_forms.list_shown_exemptions(visit, exemption_forms.list_exemptions(visit, key))
    held = frozenset(one.exemption.scope for one in put if not one.over)
    return {
        "snapshot": snapshot,
        "key": key,
        "own": None,
        "known": {**dict.fromkeys(SAID, ""), **known},
        "place": next((one for one in rank_recommendations(visit, about)), None),
        "counts": snapshot.findings.states(visit.reach(READ), about),
        **_list_resources(visit, snapshot, key, asked, held),
        "put": put,
        "overtaken": None,
        "typed": visit.form,
        "done": next(
            (
                (word, int(visit.get_query_value(word)))
                for word in DONE
                if visit.get_query_value(word).isdecimal()
            ),
            None,
        ),
        "under_way": find_current_assessment(visit.instance),
        "judged": is_up_to_date(visit.instance),
        "trouble": explain_staleness(visit.instance),
    }


def _list_resources(
    visit: Visit, snapshot: PublishedSnapshot, key: str, asked: FindingQuery, held: frozenset[str]
) -> dict[str, object]:
    """Return the list of the resources that it assesses, and the ids of those that can be exempted."""
    findings, reach, start = snapshot.findings, visit.reach(READ), compute_page_start(visit)
    order = visit.get_query_value("sort")
    page = findings.page(reach, asked, order=order if order in ORDERS else "resource", start=start, most=ROWS)

    def count(name: str, chosen: Chosen) -> dict[str, int]:
        wanted = narrow_findings(key, chosen, asked.text)
        if name == "state":
            return {state.value: number for state, number in findings.states(reach, wanted).items()}
        counted: Counter[str] = Counter()
        for _, cause, number in findings.causes(reach, wanted):
            counted[cause] += number
        return counted

    exemptable = exemption_forms.find_exemptable(visit, key, page, held)
    wanted = build_assessed_list(
        visit, find_origins_of_all(visit.service, [one.resource for one in page]), exemptable, held
    )
    facets = count_facets(visit, STATE_FACETS, count)
    return {
        "list": show_page(visit, wanted, page, facets, findings.count(reach, asked), start),
        "exemptable": exemptable,
    }


def _build_resources(visit: Visit, known: Mapping[str, Any], asked: FindingQuery) -> PageTable:
    found = (
        visit.snapshot.findings.page(visit.reach(READ), asked, order="resource", most=1_000_000)
        if visit.snapshot
        else []
    )
    properties = known["properties"]
    header = ("Recommendation", "Severity", "Resource", "State", "Why", "Recommendation ID", "Tenant")
    return PageTable(
        header,
        (
            [
                properties["displayName"],
                properties["severity"],
                one.resource,
                STATES[one.state],
                one.explanation or describe_cause_or_state(one.cause),
                known["name"],
                one.tenant,
            ]
            for one in found
        ),
    )


def _build_exemptions(several: Sequence[exemption_forms.ShownExemption]) -> PageTable:
    return PageTable(("Resource", "From", "Category", "Reason", "Ends", "By"), (
        [one.exemption.scope, one.about, one.exemption.category, one.exemption.description or one.exemption.display_name,
         one.exemption.expires_on.isoformat() if one.exemption.expires_on else "", one.author]
        for one in several
    ))  # fmt: skip


def read_filters(visit: Visit) -> FindingQuery:
    """Return what the filters of the address ask for."""
    return FindingQuery(text=visit.get_query_value("q"))


def count_failing_recommendations(visit: Visit) -> int | None:
    """Count how many recommendations have a failing resource."""
    if visit.snapshot is None:
        return None
    return count_failing_in_reach(visit.snapshot, visit.reach(READ))


def count_failing_in_reach(snapshot: PublishedSnapshot, reach: Reach) -> int:
    """Count, once a snapshot, how many recommendations have a failing resource within a reach."""

    def count() -> int:
        return sum(1 for tally in snapshot.findings.tallies(reach) if tally.unhealthy)

    return snapshot.get_or_compute(("failing recommendations", reach), count)


PAGES = (
    Page(
        "/recommendations",
        "Recommendations",
        "recommendations.html",
        READ,
        fill_page,
        PageArea.POSTURE,
        0,
        count=count_failing_recommendations,
        ahead=count_failing_in_reach,
    ),
    Page(
        "/recommendations/{key}",
        "Recommendation",
        "recommendation.html",
        READ,
        show_recommendation,
        methods=("GET", "POST"),
    ),
)
