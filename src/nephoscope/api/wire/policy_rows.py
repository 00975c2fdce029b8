"""Rows of policies at a scope: what `queryResults` of policy states and of policy events answers, with its options.

A scope is a container or resource, whose rows are those of the resources in it, or a policy definition, initiative or assignment,
whose rows are those that name it.

Source: https://learn.microsoft.com/rest/api/policyinsights/policy-states/list-query-results-for-subscription (2019-10-01; the version
2017-08-09-preview answers tables of columns and rows)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nephoscope.api.wire import odata_metadata
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.list_query import make_unknown_property_error
from nephoscope.api.wire.odata_filter import Test, read
from nephoscope.api.wire.policy_state_query import (
    apply_steps,
    order_rows,
    parse_moment,
    parse_select,
    select_fields,
)
from nephoscope.api.wire.response import ApiResponse, build_next_link, read_page_place, read_skip_token

Row = dict[str, Any]
MOST = 1000
TABULAR = "2017-08-09-preview"
#: Fields that are told only where `$expand` names them.
EXPANDED = ("components", "policyEvaluationDetails")
_KNOWN = {name.lower() for name in (*odata_metadata.FIELDS, *EXPANDED, "tenantId", "principalOid")}
_POLICY = re.compile(
    r"(?P<below>.*?)/providers/microsoft\.authorization/(?P<kind>policydefinitions|policysetdefinitions|policyassignments)/(?P<name>[^/]+)"
)
_FIELDS = {
    "policydefinitions": ("policyDefinitionId", "policyDefinitionName"),
    "policysetdefinitions": ("policySetDefinitionId", "policySetDefinitionName"),
    "policyassignments": ("policyAssignmentId", "policyAssignmentName"),
}
_GROUP = "/providers/microsoft.management/managementgroups/"


@dataclass(frozen=True, slots=True)
class PolicyRowSource:
    """Source of policy rows: its `word` in the path, the lower-cased type of its documents and its collection name."""

    word: str
    type: str
    collection: str

    def build_address(self, call: ApiCall) -> str:
        """The address of the collection at a scope."""
        return f"{call.base}{call.listing_scope}/providers/Microsoft.PolicyInsights/{self.word}"

    def build_context(self, call: ApiCall, collection: str = "") -> str:
        """Return where OData finds what the rows are."""
        return f"{self.build_address(call)}/$metadata#{collection or self.collection}"


def answer_policy_rows(call: ApiCall, source: PolicyRowSource) -> ApiResponse:
    """The rows that the options of a call pick, page by page."""
    test = parse_filter(call)
    fields = parse_select(call.get_query_value("$select")) if call.get_query_value("$select") else None
    if call.get_query_value("$apply") or call.get_query_value("$orderby"):
        return answer_aggregated_rows(call, source, test, fields)
    found: list[Row] = []
    after, most = read_skip_token(call), call.read_requested_count(MOST)
    for key, row in _list_rows(call, source, after):
        if test(row):
            if len(found) == most:
                return _answer_rows(call, source, found, fields, after)
            found.append(row)
        after = key
    return _answer_rows(call, source, found, fields, "")


def iterate_rows(call: ApiCall, source: PolicyRowSource) -> Iterator[Row]:
    """All rows at the scope of a call."""
    return (row for _, row in _list_rows(call, source, ""))


def parse_filter(call: ApiCall) -> Test:
    """The rows that `$filter` picks, of the time from `$from` to `$to`."""
    asked = read(call.get_query_value("$filter"))
    for name, at in asked.names.items():
        if re.split("[/.]", name)[0].lower() not in _KNOWN:
            raise make_unknown_property_error(name, "$filter", at)
    fits = asked.test
    since, until = (parse_moment(call.get_query_value(name), name) for name in ("$from", "$to"))
    if since is None and until is None:
        return fits

    def is_in_period(row: Mapping[str, object]) -> bool:
        when = parse_moment(str(row.get("timestamp", "")), "timestamp")
        late = when is None or (since is not None and when < since)
        return not late and (until is None or when is None or when <= until) and fits(row)

    return is_in_period


def _list_rows(call: ApiCall, source: PolicyRowSource, after: str) -> Iterator[tuple[str, Row]]:
    """(key of the document, row) after a key."""
    named = _POLICY.fullmatch(call.listing_scope)
    below = named["below"] if named else call.listing_scope
    of_policy = _make_naming_test(call, named) if named else None
    scopes = _list_scope_prefixes(call, below)
    while True:
        page = call.snapshot.listing.page(
            [source.type], call.reach, "" if scopes else below, after=after, most=50_000
        )
        for body in page.bodies:
            row, key = body["properties"], str(body["id"]).lower()
            inside = scopes is None or key.startswith(scopes)
            if inside and (of_policy is None or of_policy(row)):
                yield key, row
        if not (after := page.after):
            return


def _list_scope_prefixes(call: ApiCall, scope: str) -> tuple[str, ...] | None:
    """The beginnings of ids of what lies in a management group, None for another scope."""
    if not scope.startswith(_GROUP):
        return None
    inside = call.caller.hierarchy.find_subscriptions_below(scope)
    return (f"{scope}/", *(f"/subscriptions/{one}/" for one in inside))


def _make_naming_test(call: ApiCall, named: re.Match[str]) -> Callable[[Row], bool]:
    """Return whether a row names the policy of a scope: by its id, or by its name where it is one of no subscription or group."""
    id_field, name_field = _FIELDS[named["kind"]]

    def test(row: Row) -> bool:
        id_ = str(row.get(id_field, "")).lower()
        if id_:
            return id_ == call.listing_scope or (
                id_.startswith("/providers/microsoft.authorization/") and id_.endswith(f"/{named['name']}")
            )
        return str(row.get(name_field, "")).lower() == named["name"]

    return test


def answer_aggregated_rows(
    call: ApiCall, source: PolicyRowSource, test: Test, fields: Sequence[str] | None
) -> ApiResponse:
    """Rows that are grouped or sorted: all are read, and the page begins where the one before ended."""
    rows = [row for row in iterate_rows(call, source) if test(row)]
    if text := call.get_query_value("$apply"):
        rows = apply_steps(rows, text)
    if text := call.get_query_value("$orderby"):
        rows = order_rows(rows, text)
    first, most = read_page_place(call), call.read_requested_count(MOST)
    more = str(first + most) if len(rows) > first + most else ""
    return _answer_rows(call, source, rows[first : first + most], fields, more)


def _answer_rows(
    call: ApiCall, source: PolicyRowSource, rows: list[Row], fields: Sequence[str] | None, after: str
) -> ApiResponse:
    wanted = call.get_query_value("$expand").lower()
    hidden = {one for one in EXPANDED if one.lower() not in wanted}
    shown = [
        {
            name: value
            for name, value in (row if fields is None else select_fields(row, fields)).items()
            if name not in hidden
        }
        for row in rows
    ]
    if call.get_query_value("api-version") == TABULAR:
        return ApiResponse({"value": [build_table(shown)]})
    context = source.build_context(call)
    answered_rows = [{"@odata.id": None, "@odata.context": f"{context}/$entity", **row} for row in shown]
    body: dict[str, Any] = {
        "@odata.context": context,
        "@odata.count": len(answered_rows),
        "value": answered_rows,
    }
    if after and not call.get_query_value("$top"):
        body["@odata.nextLink"] = build_next_link(call, after)
    return ApiResponse(body)


def build_table(rows: Iterable[Row]) -> dict[str, Any]:
    """Rows as the first version of the API tells them: columns by name with their places, and lists of values."""
    several = list(rows)
    names = list(dict.fromkeys(name for row in several for name in row))
    columns = {
        _to_pascal_case(name): {
            "ordinal": at,
            "name": _to_pascal_case(name),
            "dataType": _get_odata_type(name, several),
        }
        for at, name in enumerate(names, 1)
    }
    return {
        "metadata": {"generatedQuery": ""},
        "columns": columns,
        "rows": [[row.get(name) for name in names] for row in several],
    }


def _to_pascal_case(name: str) -> str:
    return name[:1].upper() + name[1:]


def _get_odata_type(name: str, rows: Iterable[Row]) -> str:
    if name == "timestamp":
        return "DateTime"
    value = next((row[name] for row in rows if row.get(name) is not None), "")
    return (
        "Boolean" if isinstance(value, bool) else "Numeric" if isinstance(value, (int, float)) else "String"
    )
