"""Changes: the findings that moved since the assessment of a day ago, and the points that each control gained or lost by them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from starlette.responses import Response

from nephoscope.posture.history.evaluation_diff import ChangeKind
from nephoscope.web.lists.change_list import ListedChange, build_change_list
from nephoscope.web.lists.list_view import find_rows, show_rows
from nephoscope.web.page_data.score_changes import WORDS, has_score_history, map_recommendations, read_moves
from nephoscope.web.rendering.formatting import STATES
from nephoscope.web.tables.page_tables import PageTable, download_table
from nephoscope.web.visits.page import Page

if TYPE_CHECKING:
    from nephoscope.posture.history.finding_changes import FindingMoves
    from nephoscope.web.visits.request_context import Visit

READ = "Microsoft.Security/assessments/read"


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """Return what the page shows, or one of its tables as a file."""
    moves = read_moves(visit)
    every = _list_changes(visit, moves)
    wanted = build_change_list(visit)
    found = find_rows(visit, wanted, every)
    controls = moves.controls if moves and has_score_history(visit) else {}
    tables = {"findings": lambda: _build_table(found.rows), "controls": lambda: _build_controls(controls)}
    if (file := download_table(visit, "changes", tables)) is not None:
        return file
    return {
        "snapshot": visit.snapshot,
        "moves": moves,
        "tells_score": has_score_history(visit),
        "controls": controls,
        "control": visit.get_query_values("control"),
        "any": bool(every),
        "list": show_rows(visit, wanted, found),
    }


def _list_changes(visit: Visit, moves: FindingMoves | None) -> list[ListedChange]:
    """All that moved: the gravest first, what opened before what was closed."""
    known = map_recommendations(visit)
    order = list(ChangeKind)
    found = [ListedChange(one, known.get(one.key)) for one in (moves.changes if moves else ())]
    return sorted(
        found,
        key=lambda one: (_build_sort_key(one), order.index(one.change.kind), one.title, one.change.resource),
    )


def _build_sort_key(one: ListedChange) -> int:
    return -one.recommendation.tally.severity.rank if one.recommendation else 1


def _build_table(changes: Sequence[ListedChange]) -> PageTable:
    return PageTable(("Severity", "Recommendation", "Resource", "Change", "Before", "Now", "Control", "Id"), (
        [one.recommendation.tally.severity.value if one.recommendation else "", one.title, one.change.id,
         WORDS[one.change.kind][0], STATES[one.change.before] if one.change.before else "",
         STATES[one.change.after] if one.change.after else "", one.control, one.change.key]
        for one in changes
    ))  # fmt: skip


def _build_controls(controls: Mapping[str, float]) -> PageTable:
    rows: Iterable[Iterable[object]] = ([name, round(points, 2)] for name, points in controls.items())
    return PageTable(("Control", "Points"), rows)


PAGE = Page("/changes", "Changes", "changes.html", READ, fill_page)
