"""The errors of tests/cases/errors.yaml: every query's whole list, found together, and no more than a bound of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import nephoscope_kql as kql
from nephoscope_kql.bind import bind_results
from nephoscope_kql.binder.environment import Binder, Env
from nephoscope_kql.catalog import MemoryCatalog, StoredFunction
from nephoscope_kql.errors import MAX_ERRORS
from nephoscope_kql.parser import parse

DOCUMENT = yaml.load(
    (Path(__file__).parent / "cases/errors.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader
)
CATALOG = MemoryCatalog.of(
    {name: columns.items() for name, columns in DOCUMENT["tables"].items()},
    [StoredFunction(name, one["body"], one["parameters"]) for name, one in DOCUMENT["functions"].items()],
)


def errors(query: str) -> tuple[kql.KqlError, ...]:
    with pytest.raises(kql.KqlError) as caught:
        kql.compile(query, CATALOG)
    return caught.value.all


@pytest.mark.parametrize("case", DOCUMENT["cases"], ids=lambda case: case["query"][:100])
def test_the_whole_list(case: dict[str, Any]) -> None:
    found = [f"{one.line}:{one.column} {one.message}" for one in errors(case["query"])]
    assert len(found) == len(case["errors"]), found
    for one, wanted in zip(found, case["errors"], strict=True):
        assert one.startswith(wanted), found


@pytest.mark.parametrize("case", DOCUMENT["cases"], ids=lambda case: case["query"][:100])
def test_the_first_error_alone_is_among_them(case: dict[str, Any]) -> None:
    """What ends binding where nothing is collected is an error of the list: collecting invents none in its place."""

    with pytest.raises(kql.KqlError) as caught:
        bind_results(parse(case["query"]), Env(Binder(CATALOG)))
    assert (caught.value.message, caught.value.span) in [
        (one.message, one.span) for one in errors(case["query"])
    ]


@pytest.mark.parametrize(
    ("query", "hint"),
    [
        ("T | where id == null", "int(null)"),
        ("T | join (U | project key = id) on id == key", "$left.id == $right.key"),
    ],
)
def test_the_hint_says_what_to_write(query: str, hint: str) -> None:
    with pytest.raises(kql.KqlError) as caught:
        kql.compile(query, CATALOG)
    assert hint in caught.value.hint


def test_they_are_bounded() -> None:
    query = "T" + "".join(f" | where unseen{place} == 1" for place in range(100))
    found = errors(query)
    assert len(found) == MAX_ERRORS
    assert [one.message for one in found] == [
        f"no column or variable is named 'unseen{place}'" for place in range(MAX_ERRORS)
    ]


def test_a_query_that_grows_beyond_bounds_ends_with_that_error() -> None:
    doubled = "".join(f"let f{n + 1} = (x: long) {{ f{n}(x) + f{n}(x) + unseen }}; " for n in range(30))
    found = errors(f"let f0 = (x: long) {{ x }}; {doubled} T | extend a = f30(id)")
    assert 1 <= len(found) <= MAX_ERRORS


def test_what_a_fuzzy_union_leaves_out_is_noted() -> None:
    compiled = kql.compile("union isfuzzy=true Missing, Wrong(1), T | count", CATALOG)
    assert compiled.notes == (
        "left out of the union: no table, function or variable is named 'Missing'",
        "left out of the union: in the function Wrong: no column or variable is named 'unseen'",
    )


@pytest.mark.parametrize(
    ("query", "notes"),
    [
        ("set notruncation; set query_now=datetime(2026-01-01); T", ()),
        (
            "set notruncaton; T",
            ("the option notruncaton is not known: it changes nothing (did you mean 'notruncation'?)",),
        ),
        ("set frobnicate = 5; T", ("the option frobnicate is not known: it changes nothing",)),
        ("T | join hint.strategy=shuffle (T) on id", ()),
        (
            "T | summarize hint.strategy=shufle count() by id",
            ("hint.strategy=shufle is not known: it changes nothing",),
        ),
    ],
)
def test_settings_that_nobody_knows_are_noted(query: str, notes: tuple[str, ...]) -> None:
    assert kql.compile(query, CATALOG).notes == notes
