"""The page of KQL's operators and functions names every one of them, with a contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from nephoscope_kql.binder.built_in_calls import WINDOWS
from nephoscope_kql.binder.environment import CALLS
from nephoscope_kql.parser import OPERATORS
from nephoscope_kql.parser.pipes import REFUSED
from nephoscope_kql.reference_page import EXAMPLES, FORMS
from nephoscope_kql.registry import load_aggregates, load_functions

PAGE = (Path(__file__).parents[2] / "docs/reference/kql-functions.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted({*OPERATORS, *REFUSED}))
def test_every_operator_is_on_the_page(name: str) -> None:
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("name", sorted({*CALLS, *WINDOWS, *load_functions(), *load_aggregates()} - {""}))
def test_every_function_is_on_the_page(name: str) -> None:
    item = load_functions().get(name) or load_aggregates().get(name)
    if item is None or not (item.hidden or name.startswith("_")):
        assert f"`{name}(" in PAGE or f"`{name}`" in PAGE


def test_every_contract_is_a_sentence() -> None:
    summaries = {
        item.name: item.summary for item in (*load_functions().values(), *load_aggregates().values())
    }
    summaries |= {name: contract for table in (EXAMPLES, FORMS) for name, (_, contract) in table.items()}
    assert [name for name, text in summaries.items() if not text.endswith(".") or '"' in text] == []


def test_nothing_is_described_that_is_not_there() -> None:
    assert EXAMPLES.keys() == OPERATORS.keys()
    assert FORMS.keys() == {*CALLS, *WINDOWS}
