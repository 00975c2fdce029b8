"""A list as its page draws it: facets, heads, the rows of a page with their cells, the chosen columns and the row beside it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from markupsafe import Markup

from nephoscope.web.lists.cell_markup import draw_cell
from nephoscope.web.lists.column_headers import ListColumn, build_heads, sort_rows
from nephoscope.web.lists.column_widths import fit_columns
from nephoscope.web.lists.facets import ListFacet
from nephoscope.web.lists.list_cell import ListCell
from nephoscope.web.lists.list_columns import choose_columns
from nephoscope.web.lists.page_offset import compute_page_start
from nephoscope.web.lists.row_facets import RowFacet, filter_rows
from nephoscope.web.lists.row_markup import PREVIEW, PreviewLinks, RowMarkup
from nephoscope.web.lists.saved_views import SavedView, list_views
from nephoscope.web.tables.keyset_pagination import PageKeys, find_page_start, get_page_keys

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit

Row = TypeVar("Row")
#: Rows of a page.
ROWS = 100


@dataclass(frozen=True, slots=True)
class RowList(Generic[Row]):
    """Definition of a list: its name in cookies and views, what a row is called, its columns, facets, and where text is sought.

    `key_of` names a row in the address. A row can be ticked that has a `tick_of`, sent as `tick`. `about_of` is what the preview
    says below the title. `order` is the order where the address has none ('' = the rows as they come).
    """

    name: str
    what: str
    columns: Sequence[ListColumn[Row]]
    key_of: Callable[[Row], str]
    facets: Sequence[RowFacet[Row]] = ()
    texts_of: Callable[[Row], str] | None = None
    hint: str = "Text of a row"
    several: str = ""
    order: str = ""
    tick: str = ""
    tick_of: Callable[[Row], str] = lambda _: ""
    about_of: Callable[[Row], str] = lambda _: ""


@dataclass(frozen=True, slots=True)
class ListRow:
    """A row as HTML, and what it sends where it is ticked."""

    markup: Markup
    tick: str = ""
    ticked: bool = False


@dataclass(frozen=True, slots=True)
class RowPreview:
    """The row that stands beside the list: its title, what it says in every column, and a sentence about it."""

    title: ListCell
    marks: Sequence[Markup]
    facts: Sequence[tuple[str, Markup]]
    about: str
    close: str


@dataclass(frozen=True, slots=True)
class ListView:
    """A list as a page draws it; `chosen` of `offered` columns are shown."""

    name: str
    what: str
    several: str
    hint: str
    tick: str
    text: str
    facets: Sequence[ListFacet]
    heads: Sequence[object]
    rows: Sequence[ListRow]
    total: int
    start: int
    size: int
    offered: Sequence[tuple[str, str, bool]]
    preview: RowPreview | None = None
    keys: PageKeys | None = None
    ticked: Sequence[str] = ()
    views: Sequence[SavedView] = ()

    @property
    def count_chosen(self) -> int:
        """Return how many values of facets are chosen."""
        return sum(one.count_chosen for one in self.facets)

    @property
    def is_narrowed(self) -> bool:
        """Return whether filters leave out rows."""
        return bool(self.count_chosen or self.text)


@dataclass(frozen=True, slots=True)
class FoundRows(Generic[Row]):
    """The rows that the filters of the address leave, in its order, with the facets that say so."""

    rows: Sequence[Row]
    facets: Sequence[ListFacet] = field(default_factory=tuple)


def find_rows(visit: Visit, wanted: RowList[Row], every: Sequence[Row]) -> FoundRows[Row]:
    """Narrow rows by the text and the facets of the address, and sort them."""
    text = visit.get_query_value("q").strip().casefold()
    texts_of = wanted.texts_of
    said = [one for one in every if text in texts_of(one).casefold()] if text and texts_of else every
    rows, facets = filter_rows(visit, said, wanted.facets)
    return FoundRows(sort_rows(rows, wanted.columns, visit.get_query_value("sort") or wanted.order), facets)


def show_rows(visit: Visit, wanted: RowList[Row], found: FoundRows[Row], *, keyed: bool = False) -> ListView:
    """Show the page of rows that the address asks for; where it is `keyed`, from the row after the last one of the page before."""
    start, keys = compute_page_start(visit), None
    if keyed:
        names = [wanted.key_of(one) for one in found.rows]
        start = find_page_start(
            names,
            ROWS,
            after=visit.get_query_value("after"),
            before=visit.get_query_value("before"),
            start=start,
        )
        keys = get_page_keys(names, start, ROWS)
    return show_page(
        visit, wanted, found.rows[start : start + ROWS], found.facets, len(found.rows), start, keys
    )


def show_page(
    visit: Visit,
    wanted: RowList[Row],
    page: Sequence[Row],
    facets: Sequence[ListFacet],
    total: int,
    start: int,
    keys: PageKeys | None = None,
) -> ListView:
    """Show rows that were narrowed, sorted and cut to a page before."""
    columns = choose_columns(visit, wanted.name, wanted.columns)
    ticked = (
        [*visit.list_ticked_values(wanted.tick), *sorted(visit.get_query_values(wanted.tick))]
        if wanted.tick
        else []
    )
    kept = {one.partition(" ")[0] for one in ticked}
    links = PreviewLinks(visit.build_address(**{PREVIEW: None, "done": None}), visit.get_query_value(PREVIEW))
    rows = _draw_rows(wanted, RowMarkup(columns, links, wanted.tick), page, kept)
    beside = next((one for one in page if wanted.key_of(one) == visit.get_query_value(PREVIEW)), None)
    return ListView(
        wanted.name, wanted.what, wanted.several, wanted.hint, wanted.tick, visit.get_query_value("q"), facets,
        build_heads(visit, fit_columns(columns, page), wanted.order), rows, total, start, ROWS,
        [(one.name, one.title, one in columns) for one in wanted.columns if not one.main],
        None if beside is None else _build_preview(visit, wanted, beside), keys,
        [one.tick for one in rows if one.ticked], list_views(visit),
    )  # fmt: skip


def _draw_rows(
    wanted: RowList[Row], markup: RowMarkup[Row], page: Sequence[Row], kept: Collection[str]
) -> list[ListRow]:
    drawn = []
    for row in page:
        tick = wanted.tick_of(row) if wanted.tick else ""
        ticked = bool(tick) and tick.partition(" ")[0] in kept
        drawn.append(ListRow(markup.draw(row, wanted.key_of(row), tick, ticked=ticked), tick, ticked))
    return drawn


def _build_preview(visit: Visit, wanted: RowList[Row], row: Row) -> RowPreview:
    cells = [(one, one.cell(row)) for one in wanted.columns]
    title = next((cell for column, cell in cells if column.main), cells[0][1])
    marks = [cell for column, cell in cells if column.width in ("severity", "state") and not cell.is_empty]
    facts = [
        (column.title, draw_cell(cell, whole=True))
        for column, cell in cells
        if not column.main and cell not in marks and not cell.is_empty
    ]
    close = visit.build_address(**{PREVIEW: None, "done": None})
    return RowPreview(title, [draw_cell(one) for one in marks], facts, wanted.about_of(row), close)
