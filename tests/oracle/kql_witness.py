"""The witness on a query's text: parsed and bound by nephoscope, run row by row by rowwise."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kql_compare import Result
from kql_engine import NOW
from rowwise import Witness, WitnessProbe
from rowwise_values import settled

from nephoscope_kql.catalog import Catalog, MemoryCatalog
from nephoscope_kql.compile import bind_query, to_ticks
from nephoscope_kql.parser import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The witness walks queries by recursion. The rest of the process keeps its limit: a higher one lets hostile documents end it.
DEEPEST = 20_000


@contextmanager
def deep_recursion() -> Iterator[None]:
    """Let the witness recurse deeper than Python's limit."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(DEEPEST)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def rows(query: str, tables: Mapping[str, Result], catalog: Catalog | None = None) -> Result:
    """The result of a query over tables (dynamic cells are stored texts); UnwitnessedError where the witness cannot say."""
    return next(answers(query, tables, catalog))


def answers(
    query: str, tables: Mapping[str, Result], catalog: Catalog | None = None, most: int = 64
) -> Iterator[Result]:
    """Right results of a query: one where the language leaves nothing open, else up to `most` that differ in what it leaves open."""
    known = catalog or MemoryCatalog.of({name: table.columns for name, table in tables.items()})
    for seed in range(most):
        witness = Witness(tables, to_ticks(NOW), dice=random.Random(seed) if seed else None)
        with deep_recursion():
            found = witness.result(bind_query(parse(query), known, WitnessProbe(witness)).relation)
            told = Result(found.columns, tuple(tuple(settled(cell) for cell in row) for row in found.rows))
        yield told
        if not witness.free:
            return
