"""Every branch of a `union isfuzzy=true` compiles: such a union leaves out a branch whose table or function it does not find.

So each function, detection and hunting query that has one is compiled without the option over the shipped tables, where nothing is
missing. What a query calls is a function, which is compiled by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

import pytest

from nephoscope.alerts.library.hunting import load_shipped_queries as load_hunting
from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.rules.rule_files import load_shipped_rules
from nephoscope.lake.queries.shipped_functions import get_function_columns, load_shipped_functions
from nephoscope.lake.schema.tables import Tables
from nephoscope_kql.catalog import MemoryCatalog, StoredFunction
from nephoscope_kql.compile import compile_query
from nephoscope_kql.errors import KqlError

_FUZZY = re.compile(r"\bisfuzzy\s*=\s*true\b", re.IGNORECASE)
_PARAMETER = re.compile(r"\w+:(?:\(([^)]*)\)|(\w+))(?:=\w+)?")
_ARGUMENTS = {
    "string": "''",
    "dynamic": "dynamic([])",
    "datetime": "datetime(2026-06-01)",
    "timespan": "1h",
    "long": "1",
    "int": "1",
    "real": "1.0",
    "bool": "true",
}


def strict(text: str) -> str:
    return _FUZZY.sub("", text)


@cache
def catalog() -> MemoryCatalog:
    functions = {
        name: StoredFunction(one.name, strict(one.body), one.parameters)
        for name, one in load_shipped_functions().items()
    }
    return MemoryCatalog({one.name: one.to_schema(one.name) for one in Tables.builtin()}, functions)


def argument(columns: str, kind: str) -> str:
    return f"(datatable({columns}) [])" if columns else _ARGUMENTS[kind]


def call(function: StoredFunction) -> str:
    """A query that calls a function, tabular or scalar."""
    parameters = _PARAMETER.findall(function.parameters)
    text = f"{function.name}({', '.join(argument(*one) for one in parameters)})"
    return text if is_tabular(text) else f"print Value = {text}"


def is_tabular(text: str) -> bool:
    return not problems([f"{text} | count"])


def problems(queries: Iterable[str]) -> list[str]:
    found = []
    for query in queries:
        try:
            compile_query(query, catalog())
        except KqlError as error:
            found.append(f"{error}\n{query}")
    return found


def queries(rules: Iterable[AnalyticRule]) -> list[str]:
    found = [strict(one.query) for one in rules if _FUZZY.search(one.query)]
    assert found
    return found


@pytest.mark.parametrize("name", sorted(load_shipped_functions()))
def test_every_branch_of_a_function_compiles(name: str) -> None:
    assert not problems([call(load_shipped_functions()[name])])


@pytest.mark.parametrize("name", sorted(one for one in load_shipped_functions() if get_function_columns(one)))
def test_the_declared_columns_of_a_function_are_those_that_it_has(name: str) -> None:
    compiled = compile_query(call(load_shipped_functions()[name]), catalog())
    assert dict(compiled.columns) == dict(get_function_columns(name))


def test_every_branch_of_a_detection_compiles() -> None:
    assert not problems(queries(load_shipped_rules().rules))


def test_every_branch_of_a_hunting_query_compiles() -> None:
    assert not problems(queries(load_hunting().rules))


def test_a_branch_that_does_not_compile_is_found() -> None:
    query = "union isfuzzy=true (Syslog | project HostName), (Syslogs | project HostName)"
    assert not problems([query])
    assert problems([strict(query)])
