"""The list of suppressions: what each holds back, by whom, why and until when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.state.rules.suppressions import StoredSuppression
from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.column_kinds import build_text_column
from nephoscope.web.lists.list_cell import (
    ListCell,
    build_number_cell,
    build_state_cell,
    build_text_cell,
    build_time_cell,
)
from nephoscope.web.lists.list_view import RowList
from nephoscope.web.lists.row_facets import RowFacet
from nephoscope.web.lists.row_markup import PREVIEW
from nephoscope.web.rendering.formatting import SUPPRESSION_STATES, describe_suppression_reason

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit

STATES = tuple(SUPPRESSION_STATES.values())


@dataclass(frozen=True, slots=True)
class ListedSuppression:
    """A row of the list; `whole` has resources by their ids; `rule` is the name of its rule, `rule_id` '' where it has no page."""

    stored: StoredSuppression
    state: str
    rule: str
    rule_id: str
    holds: str
    whole: str
    held: int


def build_suppression_list(
    visit: Visit, workspace: str, *, alerts: bool, rules: bool
) -> RowList[ListedSuppression]:
    """Describe the list; `alerts` and `rules` say whether the visitor reads those."""

    def build_condition_cell(one: ListedSuppression) -> ListCell:
        beside = visit.link("/suppressions", workspace=workspace, **{PREVIEW: one.stored.id})
        return build_text_cell(one.holds, beside, whole=one.whole)

    def build_rule_cell(one: ListedSuppression) -> ListCell:
        page = visit.link(f"/rules/{one.rule_id}", workspace=workspace) if one.rule_id and rules else ""
        return build_text_cell(one.rule, page)

    def draw_held_count(one: ListedSuppression) -> ListCell:
        address = visit.link(
            "/alerts", workspace=workspace, rule=one.rule_id, held=1, status="Dismissed", span="90d"
        )
        return build_number_cell(one.held, address if one.held and alerts and one.rule_id else "")

    return RowList(
        "suppressions", "suppression",
        (
            ListColumn("state", "Status", _build_state_cell, width="state"),
            ListColumn("condition", "Condition", build_condition_cell, main=True, width="name"),
            ListColumn("rule", "Rule", build_rule_cell, optional=True),
            ListColumn("reason", "Reason", lambda one: build_text_cell(describe_suppression_reason(one.stored.reason),
            note=one.stored.comment), optional=True),
            build_text_column("by", "Created by", lambda one: one.stored.author, width="short"),
            ListColumn("created", "Created", lambda one: build_time_cell(one.stored.created), optional=True, shown=False,
            width="time"),
            ListColumn("until", "Until", lambda one: build_time_cell(one.stored.expires, "No end date"), width="time"),
            ListColumn("held", "Suppressed", draw_held_count, number=True, optional=True, hint="Alerts suppressed since its creation"),
        ),
        lambda one: one.stored.id,
        (
            RowFacet("state", "Status", lambda one: (one.state,), order=STATES),
            RowFacet("for", "Rule", lambda one: (one.rule,)),
            RowFacet("reason", "Reason", lambda one: (describe_suppression_reason(one.stored.reason),)),
            RowFacet("author", "Created by", lambda one: (one.stored.author,)),
            RowFacet("end", "End", lambda one: ("With an end date" if one.stored.expires else "No end date",)),
        ),
        _format_texts, about_of=lambda one: one.stored.comment,
    )  # fmt: skip


def _build_state_cell(one: ListedSuppression) -> ListCell:
    return build_state_cell(
        one.state, "new" if one.state == "Active" else "", order=float(STATES.index(one.state))
    )


def _format_texts(one: ListedSuppression) -> str:
    kept = one.stored
    return "\n".join((kept.name, one.rule, one.holds, one.whole, kept.comment, kept.author, kept.reason))
