"""The types of every operator, function and aggregate against Microsoft's analyzer: equal, or a difference that is written down.

The analyzer's answers are tables (tests/cases/types, made by tables.py); a part of them is asked anew in every run and all of them
with --full. differences.yaml says where we differ on purpose: `analyzer` and `ours` are the letters of the answers, `texts` patterns
of whole expressions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import ours
import pytest
import tables
import yaml
from expression_groups import TABLE, Group, expanded, groups

import nephoscope_kql as kql
from nephoscope_kql.errors import KqlError
from service import Analyzer, FellError, analyzer

pytestmark = pytest.mark.system

GROUPS = tuple(groups())
ASKED_ANEW = 150
"""Of so many shapes one is asked anew in every run."""
EACH = pytest.mark.parametrize("group", GROUPS, ids=[group.name for group in GROUPS])


@dataclass(frozen=True)
class Difference:
    """An entry of differences.yaml."""

    analyzer: str
    ours: str
    texts: tuple[re.Pattern[str], ...]
    reason: str

    def covers(self, text: str, theirs: str, own: str) -> bool:
        return theirs in self.analyzer and own in self.ours and any(one.fullmatch(text) for one in self.texts)


@cache
def differences(group: str) -> tuple[Difference, ...]:
    found: dict[str, list[dict[str, Any]]] = yaml.load(
        (tables.FOLDER / "differences.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader
    )
    return tuple(
        Difference(one["analyzer"], one["ours"], tuple(map(re.compile, one["texts"])), one["reason"])
        for one in found[group]
    )


def disagreements(group: Group) -> Iterator[tuple[str, str, str, str]]:
    """Each text that we answer otherwise: the text, the analyzer's letter, ours, why we refuse it."""
    for shape, letters in tables.read(group).items():
        for text, theirs in dict(zip(expanded(shape), letters, strict=True)).items():
            own = ours.verdict(group, text)
            if theirs not in ("!", tables.letter(own)):
                yield text, theirs, tables.letter(own), own.refused


@EACH
def test_types_are_those_of_the_analyzer_or_differ_on_purpose(group: Group) -> None:
    listed = differences(group.name)
    used: set[Difference] = set()
    unlisted = []
    for text, theirs, own, why in disagreements(group):
        covering = [one for one in listed if one.covers(text, theirs, own)]
        used.update(covering)
        if not covering:
            unlisted.append(f"{text}: analyzer {theirs}, ours {own} {why}")
    assert not unlisted, "\n".join(unlisted[:50])
    assert not [one.texts for one in listed if one not in used], "no such difference is left"


@EACH
def test_every_shape_has_its_answers(group: Group) -> None:
    """A new function or signature is asked for by `python tests/analyzer/tables.py`."""
    known = tables.read(group)
    assert list(known) == list(group.shapes)
    assert all(len(letters) == len(expanded(shape)) for shape, letters in known.items())


def _same_as_the_table(step: int) -> None:
    with analyzer() as running:
        for group in GROUPS:
            known = tables.read(group)
            shapes = group.shapes[::step]
            assert tables.asked(running, group, shapes) == {shape: known[shape] for shape in shapes}


def test_a_part_of_the_tables_is_what_the_analyzer_says() -> None:
    _same_as_the_table(ASKED_ANEW)


@pytest.mark.full
def test_the_tables_are_what_the_analyzer_says() -> None:
    _same_as_the_table(1)


#: Where documents name the columns of a function otherwise, and where one signature of several is named.
OTHER_NAMES = (
    "covariance",
    "series_decompose_forecast(",
    "series_fit_poly(",
    "make_datetime(",
    "make_timespan(",
)


@pytest.mark.parametrize("every", [75, pytest.param(1, marks=pytest.mark.full)])
def test_columns_without_a_name_are_named_as_the_analyzer_names_them(every: int) -> None:
    """One choice of types of a shape, the first that both accept; functions and aggregates."""
    wrong: dict[str, tuple[list[str], list[str]]] = {}
    asked = 0
    with analyzer() as running:
        for group in (one for one in GROUPS if one.name in ("functions", "aggregates")):
            for shape in (one for one in group.shapes[::every] if not one.startswith(OTHER_NAMES)):
                for text, theirs, own in _named_by_both(running, group, shape):
                    asked += 1
                    if theirs != own:
                        wrong[text] = theirs, own
    assert not wrong
    assert asked > 1_000 / every


def _named_by_both(running: Analyzer, group: Group, shape: str) -> Iterator[tuple[str, list[str], list[str]]]:
    """The first choice of types of a shape that both accept, with the columns of the analyzer and ours."""
    for text in expanded(shape)[:300]:
        query = f"{TABLE} | {group.start}{text}"
        try:
            theirs, own = running.names(query), [name for name, _ in kql.compile(query, ours.CATALOG).columns]
        except (FellError, KqlError):
            continue
        if theirs is not None:
            yield text, theirs, own
            return
