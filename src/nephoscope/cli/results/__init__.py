"""Render query results, one module per format; each exports `render(results, out, limit)`."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from nephoscope_kql import QueryResult

FORMATS = ("table", "chart", "json", "csv", "markdown", "html", "arrow", "parquet")
#: Written as bytes: to a file or a pipe, and one result alone.
BINARY = frozenset({"arrow", "parquet"})
#: For a person at a terminal: with styles, which the format itself keeps clean of what names hold.
STYLED = frozenset({"table", "chart"})
Renderer = Callable[["Sequence[QueryResult]", object, int], None]


def load_renderer(name: str) -> Renderer:
    """The `render` function of a format, imported now.

    It takes the results, a text stream (of bytes where the format is BINARY), and how many rows a result shows at most where
    people read it.
    """
    return cast("Renderer", importlib.import_module(f"nephoscope.cli.results.{name}").render)
