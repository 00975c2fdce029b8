"""The components of pages in all their states, for contributors who build or change one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from nephoscope.web.lists.column_headers import ListColumn, sort_rows
from nephoscope.web.lists.column_kinds import build_number_column
from nephoscope.web.lists.facets import ListFacet, build_facet
from nephoscope.web.lists.list_cell import ListCell, build_state_cell, build_text_cell
from nephoscope.web.lists.list_view import RowList, show_page
from nephoscope.web.lists.severity_column import build_severity_column
from nephoscope.web.rendering.time_lanes import LaneMark, TimeLane, draw_lane
from nephoscope.web.tables.recommendation_table import READ
from nephoscope.web.visits.page import Page
from nephoscope_policy.model.state import Severity

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit

STATES = (
    ("", "Dismissed"), ("pass", "Healthy"), ("fail", "Unhealthy"), ("new", "New"), ("active", "Active"), ("error", "Failed"),
    ("unknown", "Not assessed"),
)  # fmt: skip
BANDS = (("poor", 0.31), ("weak", 0.52), ("fair", 0.71), ("good", 0.93))
NAMED = {"vm-web-01": "High", "kv": "Critical"}
#: Names as short and as long as they come: what is too long is cut, and whole in the title of its cell.
ROWS = (
    ("vm-web-01", "Virtual machine", 12),
    ("a-resource-with-a-name-that-is-longer-than-any-column-of-a-list-has-room-for-0001", "Storage account", 0),
    ("kv", "Key vault", 1_204),
)  # fmt: skip
LANES = (
    ({"name": "A place with many sign-ins", "count": 1_204}, TimeLane("many", (90, 20, 60, 0, 1), (0, 5, 0, 0, 0))),
    ({"name": "One sign-in at risk", "count": 1}, TimeLane("one", (0, 0, 0, 1, 0), (0,) * 5, (LaneMark(0.7, "high", "high risk"),))),
    ({"name": "Nothing but failures", "count": 12}, TimeLane("failures", (0,) * 5, (0, 12, 0, 0, 0))),
)  # fmt: skip


def _build_state_cell(one: tuple[str, str, int]) -> ListCell:
    return build_state_cell("Unhealthy", "fail") if one[2] else build_state_cell("Healthy", "pass")


SAMPLE: RowList[tuple[str, str, int]] = RowList(
    "design", "resource",
    (
        build_severity_column(lambda one: NAMED.get(one[0], "Low")),
        ListColumn("name", "Name", lambda one: build_text_cell(one[0], "#content"), main=True, width="title"),
        ListColumn("kind", "Kind", lambda one: build_text_cell(one[1]), optional=True),
        ListColumn("state", "State", _build_state_cell, width="state"),
        build_number_column("findings", "Findings", lambda one: one[2]),
    ),
    lambda one: one[0], hint="Name", order="-findings", tick="selected", tick_of=lambda one: one[0],
    about_of=lambda one: f"A sentence about {one[0]}.",
)  # fmt: skip


def fill_page(visit: Visit) -> Mapping[str, object]:
    """Fill the template; the facets and heads work as those of a list do."""
    return {
        "severities": list(reversed(Severity)),
        "states": STATES,
        "bands": BANDS,
        "list": show_page(
            visit, SAMPLE, sort_rows(ROWS, SAMPLE.columns, SAMPLE.order), _list_facets(visit), len(ROWS), 0
        ),
        "items": ROWS,
        "lanes": [(one, draw_lane(lane, max(each.most for _, each in LANES))) for one, lane in LANES],
    }


def _list_facets(visit: Visit) -> list[ListFacet]:
    kinds = [("Virtual machine", 1), ("Storage account", 1), ("Key vault", 1)]
    regions = [(f"region {number}", 20 - number) for number in range(12)]
    return [build_facet(visit, "kind", "Kind", kinds), build_facet(visit, "region", "Region", regions)]


PAGES = (Page("/design", "Design", "design.html", READ, fill_page),)
