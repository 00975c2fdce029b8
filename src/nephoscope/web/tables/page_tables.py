"""Page tables: each table of a page as a file at `?format=csv&table=NAME`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from nephoscope.state import NotFoundError
from nephoscope.web.tables.table_download import build_csv_response

if TYPE_CHECKING:
    from starlette.responses import Response

    from nephoscope.web.visits.request_context import Visit


class PageTable(NamedTuple):
    """The heads of the columns and the rows, as the page shows them."""

    header: Sequence[str]
    rows: Iterable[Iterable[object]]


def download_table(visit: Visit, page: str, tables: Mapping[str, Callable[[], PageTable]]) -> Response | None:
    """The file of the table that the address asks for, None where it asks for none; NotFoundError for one that is not there."""
    if visit.get_query_value("format") != "csv":
        return None
    name = visit.get_query_value("table") or next(iter(tables))
    if name not in tables:
        raise NotFoundError(f"table {name[:100]!r} not found on this page: expected {', '.join(tables)}")
    found = tables[name]()
    return build_csv_response(f"{page}-{name}", found.header, found.rows)
