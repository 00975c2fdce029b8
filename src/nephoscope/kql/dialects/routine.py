"""What SQL has no expression for: macros and vectorised Arrow functions, installed with the queries that use them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Macro:
    """A SQL macro: `create` is the whole `CREATE OR REPLACE TEMP MACRO` text; `uses` are the routines it calls."""

    name: str
    create: str
    uses: tuple[Routine, ...] = ()


@dataclass(frozen=True, slots=True)
class ArrowFunction:
    """A vectorised function: `body` gets a pyarrow Array a parameter (all of one length) and returns an Array of that length.

    `parameters` and `returns` are DuckDB type names; NULLs reach the body. It must not raise on any data.
    """

    name: str
    parameters: tuple[str, ...]
    returns: str
    body: Callable[..., Any]


Routine: TypeAlias = Macro | ArrowFunction
