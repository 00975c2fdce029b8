"""Output formats: a file a format; each exports `render(report, out)`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

if TYPE_CHECKING:
    from nephoscope.posture.reported import Reported

Renderer = Callable[["Reported", TextIO], None]


def formats() -> list[str]:
    """The names of the output formats, the table first."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem != "__init__")
    return sorted(names, key=lambda name: name != "table")


def renderer(name: str) -> Renderer:
    """The `render` function of a format, imported now."""
    return cast("Renderer", importlib.import_module(f"nephoscope.cli.outputs.{name}").render)
