"""`$filter` of the lists of policy documents: where they stand, what they name and what they are, joined by and.

Source: https://learn.microsoft.com/rest/api/policy/policy-assignments/list, policy-definitions/list and policy-exemptions/list
(2023-04-01): the filter parameter
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from nephoscope.api.wire.azure_error import ApiError, make_bad_request_error
from nephoscope.api.wire.odata_tree import (
    FunctionCall,
    Node,
    PropertyComparison,
    PropertyPath,
    read_tree,
    split_conjuncts,
)
from nephoscope.api.wire.odata_value import parse_time
from nephoscope.api.wire.policy_lists import PolicyListFilter

if TYPE_CHECKING:
    from nephoscope.api.wire.api_call import ApiCall

Test = Callable[[Mapping[str, object]], bool]
#: What a word of a filter makes of what is asked for; `value` is '' of a word that has none.
Meaning = Callable[[PolicyListFilter, str, datetime], PolicyListFilter]
_CODE = "InvalidFilterInQueryString"
_TYPES = ("NotSpecified", "BuiltIn", "Custom", "Static")


@dataclass(frozen=True)
class PolicyFilters:
    """The words that the filter of a list may have -> what each means, by its lower-cased name; `expected` lists them for errors."""

    meanings: Mapping[str, Meaning]
    expected: str

    def parse_filter(self, call: ApiCall, wanted: PolicyListFilter) -> PolicyListFilter:
        """Return what `$filter` of a call leaves of a list; Fault for a filter that the list has not."""
        for name, value in self._list_comparisons(call.get_query_value("$filter")):
            wanted = self.meanings[name](wanted, value, call.instance.now)
        return wanted

    def _list_comparisons(self, text: str) -> Iterator[tuple[str, str]]:
        for node in split_conjuncts(_parse_tree(text, self.expected)):
            match node:
                case FunctionCall(name, (), at) if name in _ALONE and name in self.meanings:
                    yield name, ""
                case PropertyComparison(path, "eq", str(value)) if (
                    path.name.lower() in self.meanings.keys() - _ALONE
                ):
                    yield path.name.lower(), value
                case FunctionCall(_, _, at) | PropertyComparison(PropertyPath(_, at)):
                    raise _build_filter_error(self.expected, text[at - 1 : at + 59], at)
                case _:
                    raise _build_filter_error(self.expected, text[:60], 1)


def _parse_tree(text: str, expected: str) -> Node | None:
    try:
        return read_tree(text, bare=("policytype",))
    except ApiError as fault:
        raise make_bad_request_error(
            f"{fault.message} It is {expected}, joined by and.", "$filter", _CODE
        ) from fault


def _build_filter_error(expected: str, text: str, at: int) -> ApiError:
    return make_bad_request_error(
        f"$filter is not understood at character {at}: {text!r}. It is {expected}, joined by and.",
        "$filter",
        _CODE,
    )


def _make_test_adder(test: Test) -> Callable[[PolicyListFilter], PolicyListFilter]:
    return lambda wanted: replace(wanted, tests=(*wanted.tests, test))


def _read_properties(body: Mapping[str, object]) -> Mapping[str, object]:
    found = body.get("properties")
    return found if isinstance(found, dict) else {}


def _filter_at_scope(wanted: PolicyListFilter, _: str, __: datetime) -> PolicyListFilter:
    return replace(wanted, below=False)


def _filter_at_exact_scope(wanted: PolicyListFilter, _: str, __: datetime) -> PolicyListFilter:
    return replace(wanted, above=False, below=False)


def _make_id_meaning(property_: str) -> Meaning:
    """Return those that name an id."""

    def apply_meaning(wanted: PolicyListFilter, value: str, _: datetime) -> PolicyListFilter:
        key = value.lower().rstrip("/")
        return _make_test_adder(
            lambda body: str(_read_properties(body).get(property_, "")).lower().rstrip("/") == key
        )(wanted)

    return apply_meaning


def _drop_expired_exemptions(wanted: PolicyListFilter, _: str, now: datetime) -> PolicyListFilter:
    def test(body: Mapping[str, object]) -> bool:
        ends = parse_time(_read_properties(body).get("expiresOn"))
        return ends is None or ends > now

    return _make_test_adder(test)(wanted)


def _filter_type(wanted: PolicyListFilter, value: str, _: datetime) -> PolicyListFilter:
    if value.lower() not in {one.lower() for one in _TYPES}:
        raise make_bad_request_error(f"policyType must be one of {', '.join(_TYPES)}.", "$filter", _CODE)
    # what people put says no type: it is their own
    return _make_test_adder(
        lambda body: str(_read_properties(body).get("policyType") or "Custom").lower() == value.lower()
    )(wanted)


def _filter_category(wanted: PolicyListFilter, value: str, _: datetime) -> PolicyListFilter:
    def test(body: Mapping[str, object]) -> bool:
        metadata = _read_properties(body).get("metadata")
        return isinstance(metadata, dict) and str(metadata.get("category", "")).lower() == value.lower()

    return _make_test_adder(test)(wanted)


_ALONE = frozenset({"atscope", "atexactscope", "excludeexpired"})
_PLACES: dict[str, Meaning] = {"atscope": _filter_at_scope, "atexactscope": _filter_at_exact_scope}
ASSIGNMENTS = PolicyFilters(
    {**_PLACES, "policydefinitionid": _make_id_meaning("policyDefinitionId")},
    "atScope(), atExactScope() or policyDefinitionId eq '<id>'",
)
EXEMPTIONS = PolicyFilters(
    {
        **_PLACES,
        "excludeexpired": _drop_expired_exemptions,
        "policyassignmentid": _make_id_meaning("policyAssignmentId"),
    },
    "atScope(), atExactScope(), excludeExpired() or policyAssignmentId eq '<id>'",
)
DEFINITIONS = PolicyFilters(
    {"atexactscope": _filter_at_exact_scope, "policytype": _filter_type, "category": _filter_category},
    "atExactScope(), policyType eq '<type>' or category eq '<category>'",
)
