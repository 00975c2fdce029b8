"""The list of rules of web application firewalls: what each matches, and whether some of it looks like normal use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.column_kinds import build_number_column, build_text_column
from nephoscope.web.lists.list_cell import ListCell, build_state_cell, build_text_cell
from nephoscope.web.lists.list_view import RowList
from nephoscope.web.lists.row_facets import RowFacet

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from nephoscope.protect.waf.rule_counts import RuleCount

LIKELY, OTHER = "Candidate", "No candidate"


def build_waf_rule_list(candidates: AbstractSet[tuple[str, str]]) -> RowList[RuleCount]:
    """Describe the list; `candidates` are gateways and rules some of whose hits look like normal use."""

    def assess(one: RuleCount) -> str:
        return LIKELY if (one.gateway, one.rule) in candidates else OTHER

    def state(one: RuleCount) -> ListCell:
        return build_state_cell(assess(one), "new" if assess(one) == LIKELY else "")

    return RowList(
        "waf-rules", "rule",
        (
            ListColumn("message", "Rule", lambda one: build_text_cell(one.message or one.rule), main=True),
            build_text_column("rule", "Rule ID", lambda one: one.rule, width="state"),
            build_text_column("gateway", "Gateway", name_gateway),
            build_number_column("hits", "Hits", lambda one: one.hits, optional=False),
            build_number_column("blocked", "Blocked", lambda one: one.blocked),
            build_number_column("sources", "Addresses", lambda one: one.sources),
            build_text_column("parts", "Matches in", lambda one: ", ".join(one.parts)),
            ListColumn("state", "Review", state, optional=True, width="state"),
        ),
        lambda one: f"{one.gateway} {one.rule}",
        (
            RowFacet("state", "Review", lambda one: (assess(one),), order=(LIKELY, OTHER)),
            RowFacet("gateway", "Gateway", lambda one: (name_gateway(one),)),
            RowFacet("host", "Host", lambda one: one.hosts),
        ),
        lambda one: "\n".join((one.rule, one.message, *one.parts, *one.hosts)),
        hint="Rule, host or part of a request", order="-hits",
    )  # fmt: skip


def name_gateway(one: RuleCount) -> str:
    """Return the name of the gateway of a rule."""
    return one.gateway.rsplit("/", 1)[-1]
