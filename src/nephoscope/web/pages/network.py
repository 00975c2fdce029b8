"""Network protection: the questions of network protection, each answered with the rules and the log rows behind the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from starlette.responses import Response

from nephoscope.posture.exposure.network_queries import (
    JudgedResource,
    NetworkAnswer,
    answer_questions,
    list_keys,
)
from nephoscope.posture.published.findings import FindingQuery
from nephoscope.web.tables.table_download import csv_response
from nephoscope.web.visits.page import Page, PageArea
from nephoscope.web.visits.request_context import Visit

if TYPE_CHECKING:
    from nephoscope.posture.published.published_snapshot import PublishedSnapshot

READ = "Microsoft.Security/assessments/read"
#: Findings that are read, and lines of evidence that an answer shows.
MOST_FINDINGS, MOST_LINES = 100_000, 20


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """Fill the page, or the file of the evidence of one question or all."""
    snapshot = visit.snapshot
    if snapshot is None:
        return {"snapshot": None}
    answers = _answer(visit, snapshot)
    if visit.get_query_value("format") == "csv":
        table = visit.get_query_value("table")
        rows = (
            (one.question, one.word.value, line.resource, line.finding, line.why)
            for one in answers
            if table in ("", one.question)
            for line in (*one.evidence, *one.gaps)
        )
        return csv_response(
            "network-protection", ("Question", "Answer", "Resource", "Finding", "Reason"), rows
        )
    return {"snapshot": snapshot, "answers": answers, "most": MOST_LINES}


def _answer(visit: Visit, snapshot: PublishedSnapshot) -> list[NetworkAnswer]:
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
