"""`$filter`: which rows a tree of conditions picks, and the properties that it names.

Source: https://docs.oasis-open.org/odata/odata/v4.01/odata-v4.01-part2-url-conventions.html (system query option $filter)
Source: https://learn.microsoft.com/rest/api/policyinsights/policy-states/list-query-results-for-subscription (the filter parameter)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nephoscope.api.wire import odata_tree as tree
from nephoscope.api.wire.azure_error import ApiError, make_bad_request_error
from nephoscope.api.wire.odata_value import FUNCTIONS, compare, get_value_at_path

Test = Callable[[Mapping[str, object]], bool]
MAX_LENGTH = tree.MAX_LENGTH


@dataclass(frozen=True, slots=True)
class ODataFilter:
    """Parsed OData filter: its test, its tree, and each named property with the offset of its first mention."""

    test: Test
    names: Mapping[str, int]
    tree: tree.Node | None = None


def compile_filter(text: str) -> Test:
    """The test that a filter makes ('' = everything passes); Fault for one that is not understood, with where it is not."""
    return read(text).test


def read(text: str) -> ODataFilter:
    """A filter with the names in it; Fault for one that is not understood, with where it is not."""
    found = tree.read_tree(text)
    if found is None:
        return ODataFilter(lambda _: True, {})
    names: dict[str, int] = {}
    return ODataFilter(_FilterCompiler(text, names).compile_test(found, ()), names, found)


@dataclass(frozen=True, slots=True)
class _FilterCompiler:
    """Makes the test of a tree, and notes the properties that it names."""

    text: str
    names: dict[str, int]

    def compile_test(self, node: tree.Node, items: tuple[str, ...]) -> Test:
        """The test of a node; `items` are the names that items of lists have around it."""
        match node:
            case tree.PropertyComparison(path, operator, value):
                name = self._require_item(path, items)
                return lambda row: compare(operator, get_value_at_path(row, name), value)
            case tree.Membership(path, values):
                name = self._require_item(path, items)
                return lambda row: any(compare("eq", get_value_at_path(row, name), one) for one in values)
            case tree.FunctionCall():
                return self._compile_function(node, items)
            case tree.AnyItem(path, item, condition):
                name, inner = (
                    self._require_item(path, items),
                    self.compile_test(condition, (*items, item.lower())),
                )
                return lambda row: _matches_any_item(row, name, item, inner)
            case tree.Negation(condition):
                inner = self.compile_test(condition, items)
                return lambda row: not inner(row)
            case tree.Junction(conditions, either):
                tests = [self.compile_test(one, items) for one in conditions]
                if either:
                    return lambda row: any(one(row) for one in tests)
                return lambda row: all(one(row) for one in tests)

    def _require_item(self, path: tree.PropertyPath, items: tuple[str, ...]) -> str:
        if re.split("[/.]", path.name)[0].lower() not in items:
            self.names.setdefault(path.name, path.at)
        return path.name

    def _compile_function(self, node: tree.FunctionCall, items: tuple[str, ...]) -> Test:
        """`contains(path, 'text')` and its like; `substringof('text', path)` is the older form of it."""
        older = node.name == "substringof"
        test = FUNCTIONS.get("contains" if older else node.name)
        path, wanted = (*node.arguments[::-1], None, None)[:2] if older else (*node.arguments, None, None)[:2]
        if (
            test is None
            or len(node.arguments) != 2
            or not isinstance(path, tree.PropertyPath)
            or isinstance(wanted, tree.PropertyPath)
        ):
            raise self._make_filter_error(node.at)
        name = self._require_item(path, items)
        return lambda row: test(get_value_at_path(row, name), wanted)

    def _make_filter_error(self, at: int) -> ApiError:
        problem = f"$filter is not understood at character {at}: {self.text[at - 1 : at + 39]!r}."
        return make_bad_request_error(problem, "$filter", "InvalidFilter")


def _matches_any_item(row: Mapping[str, object], path: str, name: str, test: Test) -> bool:
    """Return whether an item of a list passes a test that calls it by a name."""
    several = get_value_at_path(row, path)
    return isinstance(several, list) and any(test({**row, name: one}) for one in several)
