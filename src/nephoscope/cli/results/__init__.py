"""How the rows of a query are shown: a file a format; each exports `render(results, out, limit)`."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TextIO, cast

if TYPE_CHECKING:
    from nephoscope.kql import QueryResult

FORMATS = ("table", "json", "csv", "markdown", "html")
Renderer = Callable[["Sequence[QueryResult]", TextIO, int], None]


def renderer(name: str) -> Renderer:
    """The `render` function of a format, imported now; `limit` is how many rows a result shows at most where people read it."""
    return cast("Renderer", importlib.import_module(f"nephoscope.cli.results.{name}").render)
