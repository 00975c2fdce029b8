"""`$filter` and `$orderby` of the lists of Security and Sentinel, in one place for all of them.

A list is read page by page as its operation gives it, those that the filter picks are kept, and they are paged anew.

Source: https://learn.microsoft.com/rest/api/securityinsights/incidents/list (the $filter, $orderby, $top and $skipToken parameters)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from nephoscope.api.wire.azure_error import ApiError, make_bad_request_error
from nephoscope.api.wire.list_properties import is_known_field
from nephoscope.api.wire.odata_filter import ODataFilter, read
from nephoscope.api.wire.odata_value import get_value_at_path, has_path, make_sort_key
from nephoscope.api.wire.response import ApiResponse, answer_list, read_skip_token

if TYPE_CHECKING:
    from nephoscope.api.wire.api_call import ApiCall
    from nephoscope.api.wire.operation import Handler

Body = Mapping[str, Any]
PROVIDERS = ("microsoft.security/", "microsoft.securityinsights/")
#: As many as are put in order at once.
MOST_ORDERED = 100_000
_MINDED = ("$filter", "$orderby", "$top", "$skiptoken")
_ORDER = re.compile(r"\s*([A-Za-z_]\w*(?:[/.][A-Za-z_]\w*)*)(?:\s+(asc|desc))?\s*", re.IGNORECASE)
_PLACE = re.compile(r"(\d{1,9}):([\w-]*)", re.ASCII)


def has_list_options(call: ApiCall) -> bool:
    """Return whether a request asks for a list that is filtered or ordered here."""
    asked = call.get_query_value("$filter").strip() or call.get_query_value("$orderby").strip()
    return call.method == "GET" and call.permission.lower().startswith(PROVIDERS) and bool(asked)


def answer_filtered_list(handler: Handler, call: ApiCall) -> ApiResponse:
    """Return what `$filter` picks of a list, as `$orderby` has it; one document is answered as it is. Fault says where
    either is wrong."""
    query = _Query(
        call, handler, read(call.get_query_value("$filter")), _parse_orders(call.get_query_value("$orderby"))
    )
    skip, token = query.read_page_place()
    first = handler(query.make_page_call(token))
    if not isinstance(first.body, dict) or not isinstance(first.body.get("value"), list):
        return first
    return query.build_page(first.body, skip, token)


def _parse_orders(text: str) -> list[tuple[str, bool, int]]:
    """(path, whether descending, at which character) of `$orderby`."""
    found, at = [], 0
    for part in text.split(",") if text.strip() else ():
        one = _ORDER.fullmatch(part)
        if one is None or len(text) > 1000:
            problem = f"$orderby is not understood at character {at + 1}: {part[:40]!r}; expected a property followed by asc or desc."
            raise make_bad_request_error(problem, "$orderby", "InvalidOrderBy")
        found.append((one[1], (one[2] or "").lower() == "desc", at + one.start(1) + 1))
        at += len(part) + 1
    return found


def make_unknown_property_error(name: str, option: str, at: int) -> ApiError:
    """The fault that a property is none of the list's."""
    problem = f"{option} names '{name[:100]}' at character {at}, which is no property of this list."
    return make_bad_request_error(
        problem, option, "InvalidFilter" if option == "$filter" else "InvalidOrderBy"
    )


@dataclass
class _Query:
    """A list that is asked for with a filter or an order. `unseen` are the names that no document had yet."""

    call: ApiCall
    handler: Handler
    filter: ODataFilter
    orders: list[tuple[str, bool, int]]
    unseen: dict[str, tuple[str, int]] = field(default_factory=dict)
    read: int = 0

    def __post_init__(self) -> None:
        named = {name: ("$filter", at) for name, at in self.filter.names.items()}
        named |= {name: ("$orderby", at) for name, _, at in self.orders if name not in named}
        for name, (option, at) in named.items():
            is_known = is_known_field(self.call.permission.lower().rpartition("/")[0], name)
            if is_known is False:
                raise make_unknown_property_error(name, option, at)
            if is_known is None:
                self.unseen[name] = option, at

    def make_page_call(self, token: str) -> ApiCall:
        """The request for a page of the whole list."""
        kept = {name: one for name, one in self.call.query.items() if name.lower() not in _MINDED}
        return replace(self.call, query=kept | ({"$skipToken": token} if token else {}))

    def read_page_place(self) -> tuple[int, str]:
        """Return where a page begins: how many of what is picked were given already of the page of the whole list at a token."""
        found = _PLACE.fullmatch(read_skip_token(self.call) or "0:")
        if found is None:
            raise make_bad_request_error(
                "The $skipToken was not issued by this server.", "$skipToken", "InvalidSkipToken"
            )
        return int(found[1]), found[2]

    def build_page(self, first: Body, skip: int, token: str) -> ApiResponse:
        """A page of what is picked, from a place on; `first` is the page of the whole list there."""
        most, found = self.call.read_requested_count(1000), list[Body]()
        after = ""
        for at, picked in self._list_pages(first, token):
            given = skip if at == token else 0
            room = most - len(found)
            if len(picked) - given > room and not after:
                after = f"{given + room}:{at}"
            found += picked[given : given + room]
            if after and not self.unseen:
                break
        if self.read and not token:
            self._check_names_known()
        return answer_list(self.call, found, after)

    def _check_names_known(self) -> None:
        """Fault for a name that nothing in the list has."""
        for name, (option, at) in self.unseen.items():
            raise make_unknown_property_error(name, option, at)

    def _list_pages(self, first: Body, token: str) -> Iterator[tuple[str, list[Body]]]:
        """(where it begins, what is picked) of each page; everything as one where it is put in order."""
        if not self.orders:
            yield from self._filter_page(first, token)
            return
        found: list[Body] = []
        for _, several in self._filter_page(first, ""):
            found += several
            if len(found) > MOST_ORDERED:
                problem = f"More than {MOST_ORDERED} would have to be sorted: select fewer with $filter."
                raise make_bad_request_error(problem, "$orderby", "TooManyToOrder")
        for path, descending, _ in reversed(self.orders):
            found.sort(
                key=lambda body, path=path: make_sort_key(get_value_at_path(body, path)),  # type: ignore[misc]
                reverse=descending,
            )
        yield "", found

    def _filter_page(self, body: Body, token: str) -> Iterator[tuple[str, list[Body]]]:
        while True:
            self.read += len(body["value"])
            seen = [name for name in self.unseen if any(has_path(one, name) for one in body["value"])]
            for name in seen:
                del self.unseen[name]
            yield token, [one for one in body["value"] if self.filter.test(one)]
            token = parse_qs(urlsplit(body.get("nextLink", "")).query).get("$skipToken", [""])[0]
            if not token:
                return
            body = self.handler(self.make_page_call(token)).body
