"""The list of findings that moved: what changed, on which resource, and how it stands now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.model.resource_names import shorten_name
from nephoscope.posture.history.evaluation_diff import ChangeKind
from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.column_kinds import build_text_column
from nephoscope.web.lists.list_cell import ListCell, build_state_cell, build_text_cell
from nephoscope.web.lists.list_view import RowList
from nephoscope.web.lists.row_facets import RowFacet
from nephoscope.web.lists.severity_column import build_severity_column, build_severity_facet
from nephoscope.web.page_data.score_changes import WORDS
from nephoscope.web.rendering.formatting import STATES, format_unmet_title, name_kind
from nephoscope_policy.model.state import ComplianceState

if TYPE_CHECKING:
    from nephoscope.posture.history.evaluation_diff import FindingChange
    from nephoscope.posture.published.priorities import Priority
    from nephoscope.web.visits.request_context import Visit


@dataclass(frozen=True, slots=True)
class ListedChange:
    """A finding that moved, with its recommendation (None = it is not known any more)."""

    change: FindingChange
    recommendation: Priority | None

    @property
    def title(self) -> str:
        """The title of the recommendation, or its key where it is not known any more."""
        return self.recommendation.tally.title if self.recommendation else self.change.key

    @property
    def control(self) -> str:
        """The score control that it counts in, '' for none."""
        return self.recommendation.control if self.recommendation else ""

    @property
    def severity(self) -> str:
        """The severity of the recommendation, '' where it is not known any more."""
        return self.recommendation.tally.severity.value if self.recommendation else ""


def build_change_list(visit: Visit) -> RowList[ListedChange]:
    """Describe the list."""

    def build_title_cell(one: ListedChange) -> ListCell:
        if one.recommendation is None:
            return build_text_cell(one.title)
        fails = one.change.after is ComplianceState.NON_COMPLIANT
        return build_text_cell(
            format_unmet_title(one.title, fails), visit.link(f"/recommendations/{one.change.key}")
        )

    def build_resource_cell(one: ListedChange) -> ListCell:
        id_, gone = one.change.id, one.change.kind is ChangeKind.REMOVED
        name = shorten_name(id_) if gone else visit.name_resource(id_)
        link = "" if gone else visit.resource(id_, one.change.tenant)
        return build_text_cell(name, link, whole=id_, note=name_kind(id_))

    return RowList(
        "changes", "finding",
        (
            build_severity_column(lambda one: one.severity),
            ListColumn("title", "Recommendation", build_title_cell, main=True, width="title"),
            ListColumn("resource", "Resource", build_resource_cell, optional=True),
            build_text_column("kind", "Change", lambda one: WORDS[one.change.kind][0].capitalize(), width="ago"),
            ListColumn("state", "Now", _build_state_cell, optional=True, width="state"),
            build_text_column("control", "Control", lambda one: one.control),
        ),
        lambda one: f"{one.change.key} {one.change.resource}", build_change_facets(),
        lambda one: f"{one.title} {one.change.id}", hint="Recommendation or resource",
    )  # fmt: skip


def build_change_facets() -> Sequence[RowFacet[ListedChange]]:
    """Return what the findings are narrowed by."""
    words = {one.value: WORDS[one][1].capitalize() for one in ChangeKind}
    return (
        RowFacet("kind", "Change", lambda one: (one.change.kind.value,), lambda one: words.get(one, one), list(words)),
        build_severity_facet(lambda one: one.severity),
        RowFacet("control", "Control", lambda one: (one.control,)),
        RowFacet("resource", "Resource type", lambda one: (name_kind(one.change.id),)),
    )  # fmt: skip


def _build_state_cell(one: ListedChange) -> ListCell:
    after = one.change.after
    return build_state_cell(STATES[after], after.value.lower()) if after else ListCell()
