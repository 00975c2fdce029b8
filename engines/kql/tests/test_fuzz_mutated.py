"""Mutated queries of the shapes that detections have: only KqlError, no hang, bounded memory."""

from __future__ import annotations

from random import Random

import pytest
from shapes import SHAPES, mutated

from running import Fuzz

PARTS = 10


def query(number: int) -> str:
    return mutated(Random(f"mutated {number}"))


def test_the_shapes_themselves_run():
    fuzz = Fuzz(run_every=1)
    fuzz.each(lambda number: SHAPES[number], range(len(SHAPES)))
    assert fuzz.compiled >= len(SHAPES) - 1


def test_some_queries():
    fuzz = Fuzz(run_every=1)
    fuzz.each(query, range(300))
    assert fuzz.ran > 10
    assert fuzz.refused > 100


@pytest.mark.full
@pytest.mark.parametrize("part", range(PARTS))
def test_all_queries(part):
    fuzz = Fuzz(run_every=4)
    fuzz.each(query, range(300 + part, 50_300, PARTS))
    assert fuzz.refused > 1_000
