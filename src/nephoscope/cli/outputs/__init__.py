"""Output formats: a file a format; each exports `render(report, out)` and `READS`, the rows that it reads."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

if TYPE_CHECKING:
    from nephoscope.posture.extract import Extract
    from nephoscope.posture.reported import Reported

Renderer = Callable[["Reported", TextIO], None]


def formats() -> list[str]:
    """The names of the output formats, the table first."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem != "__init__")
    return sorted(names, key=lambda name: name != "table")


def reads(name: str) -> Extract:
    """The rows that a format reads."""
    return cast("Extract", importlib.import_module(f"nephoscope.cli.outputs.{name}").READS)


def renderer(name: str) -> Renderer:
    """The `render` function of a format, imported now."""
    return cast("Renderer", importlib.import_module(f"nephoscope.cli.outputs.{name}").render)
