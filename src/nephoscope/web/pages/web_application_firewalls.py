"""Web application firewalls: the rules by what they match, and the hits that look like normal use with the exclusion of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec
from starlette.responses import Response

from nephoscope.protect.waf.exclusions import FalsePositive, find_false_positives
from nephoscope.protect.waf.rule_counts import RuleCount, count_rules
from nephoscope.protect.waf.rule_hits import QUERY, read_hits
from nephoscope.web.lists.list_view import find_rows, show_rows
from nephoscope.web.lists.waf_rule_list import build_waf_rule_list
from nephoscope.web.tables.page_tables import PageTable, download_table
from nephoscope.web.visits.page import Page
from nephoscope.web.visits.request_context import LOGS, SPANS, Visit

HEADER = ("Gateway", "Rule", "Message", "Hits", "Blocked", "Addresses", "Matches in", "Hosts")
_CANDIDATES = (
    "Gateway", "Policy", "Rule", "Part", "Host", "Paths", "Hits", "Blocked", "Addresses", "Days", "Message", "Exclusion",
)  # fmt: skip
#: Candidates that the page shows; the file has all.
MOST_CANDIDATES = 50


class ShownCandidate(NamedTuple):
    """A candidate with its exclusion as JSON, '' where it has none."""

    candidate: FalsePositive
    exclusion: str


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """Fill the page, or a file of its rules or candidates, or all exclusions as JSON."""
    workspace = visit.workspace(LOGS)
    days = max(SPANS[visit.span][1].days, 1)
    rows = visit.instance.lake.rows(
        QUERY.format(days=days), scope=visit.rows(workspace), workspace=workspace, now=visit.instance.now
    )
    hits = read_hits(rows)
    found, counts = find_false_positives(hits), count_rules(hits)
    wanted = build_waf_rule_list(frozenset((one.gateway, one.rule) for one in found))
    listed = find_rows(visit, wanted, counts)
    if visit.get_query_value("format") == "json":
        return _send_exclusions(found)
    tables = {"rules": lambda: _list_rules(listed.rows), "candidates": lambda: _list_candidates(found)}
    if (file := download_table(visit, "web-application-firewalls", tables)) is not None:
        return file
    return {
        "list": show_rows(visit, wanted, listed), "any": bool(hits), "days": days, "workspace": workspace,
        "workspaces": visit.workspaces(LOGS), "candidates": list(_list_shown_candidates(found[:MOST_CANDIDATES])), "count": len(found),
        "exclusions": sum(one.exclusion is not None for one in found),
    }  # fmt: skip


def _list_shown_candidates(found: Sequence[FalsePositive]) -> Iterator[ShownCandidate]:
    for one in found:
        yield ShownCandidate(one, _write_exclusion(one))


def _write_exclusion(one: FalsePositive) -> str:
    if one.exclusion is None:
        return ""
    return msgspec.json.format(msgspec.json.encode(one.exclusion), indent=2).decode()


def _send_exclusions(found: Sequence[FalsePositive]) -> Response:
    several = [one.exclusion for one in found if one.exclusion is not None]
    content = msgspec.json.format(msgspec.json.encode(several), indent=2)
    headers = {"Content-Disposition": 'attachment; filename="waf-exclusions.json"'}
    return Response(content, media_type="application/json", headers=headers)


def _list_rules(counts: Sequence[RuleCount]) -> PageTable:
    return PageTable(
        HEADER,
        (
            (one.gateway, one.rule, one.message, one.hits, one.blocked, one.sources, " ".join(one.parts), " ".join(one.hosts))
            for one in counts
        ),
    )  # fmt: skip


def _list_candidates(found: Sequence[FalsePositive]) -> PageTable:
    return PageTable(
        _CANDIDATES,
        (
            (one.gateway, one.policy, one.rule, one.part, one.host, " ".join(one.paths), one.hits, one.blocked, one.sources, one.days,
             one.message, _write_exclusion(one))
            for one in found
        ),
    )  # fmt: skip


PAGES = (
    Page(
        "/network/waf", "Web application firewalls", "web_application_firewalls.html", LOGS, fill_page, anywhere=True, timed=True,
        queries=lambda _: True, under_scope="Hits of gateways in {}.",
    ),
)  # fmt: skip
