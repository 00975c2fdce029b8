"""Shown columns of a list: those of the address, or those that the visitor chose last, kept in a cookie a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from starlette.responses import RedirectResponse

from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.visits.session_cookie import delete_cookie, sanitize_local_address, set_cookie

if TYPE_CHECKING:
    from starlette.responses import Response

    from nephoscope.web.visits.request_context import Visit

Row = TypeVar("Row")
#: What the address names the columns by, and what stands between their names.
COLUMNS, BETWEEN = "columns", "."
#: Characters of the names of columns together, and of the name of a list.
MOST, MOST_NAME = 1_000, 40
#: A year: the choice is asked for once in a browser.
SECONDS = 365 * 24 * 3600


def get_cookie_name(name: str) -> str:
    """Return the cookie that keeps the columns of a list."""
    return f"__Host-nephoscope-columns-{name}"


def choose_columns(visit: Visit, name: str, columns: Sequence[ListColumn[Row]]) -> list[ListColumn[Row]]:
    """Return the columns that are shown: the main one always, names that are unknown never."""
    given = visit.get_query_value(COLUMNS) or visit.request.cookies.get(get_cookie_name(name), "")
    wanted = set(given.split(BETWEEN)) & {one.name for one in columns}
    if not wanted:
        return [one for one in columns if one.shown or one.main]
    return [one for one in columns if one.main or one.name in wanted]


def keep_columns(name: str, names: Sequence[str], address: str) -> Response:
    """Keep which columns a list shows, none = as it comes, and lead back to the list."""
    back, chosen = sanitize_local_address(address), BETWEEN.join(one for one in names if one.isalnum())[:MOST]
    answer = RedirectResponse(
        f"{back}{'&' if '?' in back else '?'}{COLUMNS}={chosen}" if chosen else back, 303
    )
    if not (name.replace("-", "").isalnum() and len(name) < MOST_NAME):
        return answer
    if chosen:
        set_cookie(answer, get_cookie_name(name), chosen, SECONDS)
    else:
        delete_cookie(answer, get_cookie_name(name))
    return answer
