"""SQL routines: macros and vectorised Arrow functions for expressions that SQL lacks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Macro:
    """A SQL macro: `create` is the whole `CREATE OR REPLACE TEMP MACRO` text; `uses` are the routines it calls."""

    name: str
    create: str
    uses: tuple[Routine, ...] = ()


@dataclass(frozen=True, slots=True)
class ArrowFunction:
    """A vectorised function: `body` gets a pyarrow Array a parameter (all of one length) and returns an Array of that length.

    `parameters` and `returns` are DuckDB type names; NULLs reach the body. It must not raise on any data. `rare`: what calls it does
    so for few rows, so that it weighs no more than SQL.
    """

    name: str
    parameters: tuple[str, ...]
    returns: str
    body: Callable[..., object]
    rare: bool = False


@dataclass(frozen=True, slots=True)
class Vectorised:
    """An expression of DuckDB's SQL that another engine evaluates over Arrow batches: `sql` over the table `batch` with the columns
    a0, a1, ... gives one column, in the order of the rows. `returns` is a DuckDB type name, `uses` are the routines in the text.

    `grouped`: a0 is a list of structs, and `sql` is a query over the table `batch` (row, a0, a1, ...) of their elements which gives
    (row, value) for the rows whose list is not empty; `empty` is the query that gives the value of an empty list.

    `rows`: a0 is a list of structs, and `sql` is a query over the table `batch` of their elements, under the names of the fields; its
    rows are the list that is returned. A further argument is the value of its parameter `now`.
    """

    name: str
    sql: str
    returns: str
    uses: tuple[Routine, ...] = ()
    empty: str = ""
    rows: bool = False


Routine: TypeAlias = Macro | ArrowFunction | Vectorised
