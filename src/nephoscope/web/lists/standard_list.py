"""The list of standards: the share of the evaluated controls that passed, and how the controls stand."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.column_kinds import build_number_column
from nephoscope.web.lists.list_cell import ListCell, build_bar_cell, build_number_cell, build_text_cell
from nephoscope.web.lists.list_view import RowList
from nephoscope.web.page_data.standard_controls import compute_passed_share
from nephoscope.web.rendering.formatting import format_share

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit


@dataclass(frozen=True, slots=True)
class StandardSummary:
    """A standard with its controls and its policies by state: each has the worst of its states in what is looked at."""

    name: str
    title: str
    controls: Counter[str]
    policies: Counter[str]

    @property
    def share(self) -> float | None:
        """The share of the evaluated controls that passed; None where none was evaluated."""
        return compute_passed_share(self.controls)

    @property
    def not_evaluated(self) -> int:
        """Return how many controls were not evaluated."""
        return self.controls["Skipped"] + self.controls["Unsupported"]


def build_standard_list(visit: Visit) -> RowList[StandardSummary]:
    """Describe the list."""

    def build_title_cell(one: StandardSummary) -> ListCell:
        return build_text_cell(one.title, visit.link(f"/compliance/{one.name}"))

    def build_policies_cell(one: StandardSummary) -> ListCell:
        passed, total = one.policies["Passed"], one.policies.total()
        return build_number_cell(passed, text=f"{passed:,} of {total:,}")

    return RowList(
        "standards", "standard",
        (
            ListColumn("standard", "Standard", build_title_cell, main=True, width="title"),
            ListColumn("share", "Share", lambda one: build_number_cell(one.share, text=format_share(one.share)), number=True,
                       hint="Share of the evaluated controls that passed"),
            ListColumn("bar", "Controls by state", _draw_bar, optional=True, width="time"),
            build_number_column("passed", "Passed", lambda one: one.controls["Passed"]),
            build_number_column("failed", "Failed", lambda one: one.controls["Failed"], optional=False),
            ListColumn("open", "Not evaluated", lambda one: build_number_cell(one.not_evaluated), number=True, optional=True,
            width="ago"),
            build_number_column("controls", "Controls", lambda one: one.controls.total()),
            ListColumn("policies", "Policies passed", build_policies_cell, number=True, optional=True, width="of"),
        ),
        lambda one: one.name, texts_of=lambda one: f"{one.title} {one.name}", hint="Standard",
    )  # fmt: skip


def _draw_bar(one: StandardSummary) -> ListCell:
    passed, failed = one.controls["Passed"], one.controls["Failed"]
    return build_bar_cell(
        [("ok", passed), ("bad", failed), ("unk", one.not_evaluated)],
        f"{passed:,} passed, {failed:,} failed, {one.not_evaluated:,} not evaluated", one.share,
    )  # fmt: skip
