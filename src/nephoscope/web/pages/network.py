"""Network protection: the questions of network protection, each answered with the rules and the log rows behind the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response

from nephoscope.posture.exposure.network_queries import (
    JudgedResource,
    NetworkAnswer,
    answer_questions,
    list_keys,
)
from nephoscope.posture.published.findings import FindingQuery
from nephoscope.web.rendering.readable_text import humanize_members
from nephoscope.web.rendering.resolved_names import find_known_names, replace_ids_in_title
from nephoscope.web.tables.table_download import build_csv_response
from nephoscope.web.visits.page import Page, PageArea
from nephoscope.web.visits.request_context import Visit

if TYPE_CHECKING:
    from nephoscope.posture.published.published_snapshot import PublishedSnapshot

READ = "Microsoft.Security/assessments/read"
#: What the heading of the reasons says already.
_NOT_COLLECTED = "not collected: "
#: Findings that are read, and lines of evidence and reasons of gaps that an answer shows.
MOST_FINDINGS, MOST_LINES, MOST_GAPS = 100_000, 20, 5


class GapGroup(msgspec.Struct, frozen=True):
    """Resources that could not be assessed for one reason."""

    why: str
    resources: list[str]


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """Fill the page, or the file of the evidence of one question or all."""
    snapshot = visit.snapshot
    if snapshot is None:
        return {"snapshot": None}
    answers = _answer_questions(visit, snapshot)
    if visit.get_query_value("format") == "csv":
        table = visit.get_query_value("table")
        rows = (
            (one.question, one.word.value, line.resource, line.finding, line.why)
            for one in answers
            if table in ("", one.question)
            for line in (*one.evidence, *one.gaps)
        )
        return build_csv_response(
            "network-protection", ("Question", "Answer", "Resource", "Finding", "Reason"), rows
        )
    names = find_known_names(visit, (line.why for one in answers for line in one.gaps))
    gaps = {one.question: _group_gaps(one, names) for one in answers}
    return {
        "snapshot": snapshot,
        "answers": answers,
        "gaps": gaps,
        "most": MOST_LINES,
        "most_gaps": MOST_GAPS,
    }


def _group_gaps(answer: NetworkAnswer, names: Mapping[str, str]) -> list[GapGroup]:
    """Group what was not assessed by the reason, the most resources first."""
    grouped: dict[str, dict[str, str]] = {}
    for one in answer.gaps:
        grouped.setdefault(one.why, {})[one.resource.lower()] = one.name
    groups = (GapGroup(_describe_gap(why, names), sorted(each.values())) for why, each in grouped.items())
    return sorted(groups, key=lambda one: (-len(one.resources), one.why))


def _describe_gap(why: str, names: Mapping[str, str]) -> str:
    said = humanize_members(replace_ids_in_title(why.removeprefix(_NOT_COLLECTED), names))
    return said[:1].upper() + said[1:]


def _answer_questions(visit: Visit, snapshot: PublishedSnapshot) -> list[NetworkAnswer]:
    reach = visit.reach(READ)
    wanted = FindingQuery(recommendations=list_keys())
    found = snapshot.findings.page(reach, wanted, most=MOST_FINDINGS)
    judged = [
        JudgedResource(
            one.resource,
            one.resource.rsplit("/", 1)[-1],
            one.recommendation,
            one.title,
            one.state,
            one.explanation,
        )
        for one in found
    ]
    return answer_questions(snapshot.internet_exposures.rows(reach), judged)


PAGES = (Page("/network", "Network protection", "network.html", READ, fill_page, PageArea.POSTURE, 7),)
