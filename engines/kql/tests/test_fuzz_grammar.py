"""Queries from a grammar: only KqlError, no hang, bounded memory."""

from __future__ import annotations

from random import Random

import pytest
from grammar import Grammar

from running import Fuzz

PARTS = 10


def query(number: int) -> str:
    return Grammar(Random(f"grammar {number}")).query()


def test_some_queries():
    fuzz = Fuzz(run_every=1)
    fuzz.each(query, range(300))
    assert fuzz.ran > 50
    assert fuzz.compiled > 100


@pytest.mark.full
@pytest.mark.parametrize("part", range(PARTS))
def test_all_queries(part):
    fuzz = Fuzz(run_every=4)
    fuzz.each(query, range(300 + part, 60_300, PARTS))
    assert fuzz.ran > 100
