"""Microsoft Graph query options of a collection; unsupported options are rejected.

Source: https://learn.microsoft.com/graph/query-parameters, https://learn.microsoft.com/graph/search-query-parameter and
https://learn.microsoft.com/graph/aad-advanced-queries (ConsistencyLevel)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from nephoscope.api.wire.azure_error import ApiError
from nephoscope.api.wire.microsoft_graph_search import parse_search
from nephoscope.api.wire.odata_filter import ODataFilter, read
from nephoscope.api.wire.odata_value import get_value_at_path, has_path, make_sort_key
from nephoscope.api.wire.response import build_next_link, read_skip_token

if TYPE_CHECKING:
    from nephoscope.api.wire.api_call import ApiCall

Row = Mapping[str, object]
#: (where a page that ends with it goes on, the object)
Keyed = tuple[str, Row]
USUAL = frozenset({"$filter", "$select", "$top", "$skiptoken", "$orderby", "$count"})
#: As many as are put in order at once.
MOST_ORDERED = 100_000
_ORDER = re.compile(r"\s*([A-Za-z_]\w*(?:/\w+)*)(?:\s+(asc|desc))?\s*", re.IGNORECASE)


def make_unsupported_option_error(message: str) -> ApiError:
    """400: a query option that is not answered here, or not so."""
    return ApiError(400, "Request_UnsupportedQuery", message)


def check_query_options(call: ApiCall, options: Iterable[str] = USUAL) -> None:
    """Fault for a query option that is none of those that an operation minds."""
    known = frozenset(options)
    given = (name for name in call.query if name.startswith("$"))
    for name in given:
        if name.lower() not in known:
            raise make_unsupported_option_error(f"The query option {name[:40]} is not supported.")


def require_eventual_consistency(call: ApiCall, what: str) -> None:
    """Fault where a request lacks the header that Graph asks of searches and counts."""
    if call.headers.get("ConsistencyLevel", "").lower() != "eventual":
        problem = (
            f"Request with {what} only works with a special request header: 'ConsistencyLevel: eventual'."
        )
        raise make_unsupported_option_error(problem)


def is_count_requested(call: ApiCall) -> bool:
    """Return whether the number of all that is picked is asked for."""
    given = call.get_query_value("$count").lower()
    if given not in ("", "true", "false"):
        raise make_unsupported_option_error("$count is true or false.")
    return given == "true"


@dataclass
class CollectionQuery:
    """Query of a collection: filter, search and order. `unseen` are the named properties that no object has so far."""

    filter: ODataFilter
    searched: Callable[[Row], bool]
    orders: list[tuple[str, bool]]
    unseen: set[str] = field(default_factory=set)
    read: int = 0

    @classmethod
    def of(cls, call: ApiCall) -> CollectionQuery:
        """Return what a request picks; Fault for what is not understood."""
        if call.get_query_value("$search"):
            require_eventual_consistency(call, "$search query parameter")
        found, (test, names) = (
            read(call.get_query_value("$filter")),
            parse_search(call.get_query_value("$search")),
        )
        orders = _parse_orders(call.get_query_value("$orderby"))
        return cls(found, test, orders, {*found.names, *names, *(name for name, _ in orders)})

    def iterate_matching_items(self, several: Iterable[Keyed]) -> Iterator[Keyed]:
        """Yield those that are picked; Fault at the end where a property was named that none of all objects has."""
        for key, row in several:
            self.read += 1
            self.unseen -= {name for name in self.unseen if has_path(row, name)}
            if self.filter.test(row) and self.searched(row):
                yield key, row
        if self.unseen and self.read:
            name = min(self.unseen)
            raise ApiError(
                400, "Request_BadRequest", f"No object of this collection has a property '{name[:100]}'."
            )

    def sort_matching_items(self, several: Iterable[Keyed]) -> list[Keyed]:
        """Return those that are picked as `$orderby` has them, each keyed by its place."""
        found = [row for _, row in islice(self.iterate_matching_items(several), MOST_ORDERED + 1)]
        if len(found) > MOST_ORDERED:
            raise make_unsupported_option_error(
                f"More than {MOST_ORDERED} would have to be sorted: select fewer with $filter."
            )
        for path, descending in reversed(self.orders):
            found.sort(
                key=lambda row, path=path: make_sort_key(get_value_at_path(row, path)),  # type: ignore[misc]
                reverse=descending,
            )
        return [(str(at), row) for at, row in enumerate(found, 1)]


def read_page(
    call: ApiCall, most: int, objects: Callable[[str], Iterable[Keyed]]
) -> tuple[list[Row], dict[str, object]]:
    """A page of what a request picks, and its count and link; `objects` gives those after a key in their order.

    The count comes with the first page, as Graph gives it.
    """
    picking, after, top = CollectionQuery.of(call), read_skip_token(call), call.read_requested_count(most)
    if picking.orders:
        several = picking.sort_matching_items(objects(""))
        start = int(after) if after.isascii() and after.isdecimal() else 0
        found, total = several[start : start + top + 1], len(several)
    else:
        whole = is_count_requested(call) and not after
        picked = picking.iterate_matching_items(objects(after))
        every = list(picked) if whole else list(islice(picked, top + 1))
        found, total = every[: top + 1], len(every)
    paging: dict[str, Any] = {"@odata.count": total} if is_count_requested(call) and not after else {}
    if len(found) > top:
        paging["@odata.nextLink"] = build_next_link(call, found[top - 1][0])
    return [row for _, row in found[:top]], paging


def _parse_orders(text: str) -> list[tuple[str, bool]]:
    """(path, whether descending) of `$orderby`."""
    found = [_ORDER.fullmatch(part) for part in text.split(",")] if text.strip() else []
    if len(text) > 1000 or not all(found):
        raise make_unsupported_option_error("$orderby is invalid: use properties, each with asc or desc.")
    return [(one[1], (one[2] or "").lower() == "desc") for one in found if one is not None]
