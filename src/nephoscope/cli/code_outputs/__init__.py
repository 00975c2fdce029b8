"""Output formats for findings in files: a file a format; each exports `render(report, out)` for a CodeReport."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

if TYPE_CHECKING:
    from nephoscope.posture.code.code_report import CodeReport

CodeRenderer = Callable[["CodeReport", TextIO], None]


def code_formats() -> list[str]:
    """Return the names of the formats, the table first."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem != "__init__")
    return sorted(names, key=lambda name: name != "table")


def code_renderer(name: str) -> CodeRenderer:
    """Return the `render` function of a format, imported now."""
    return cast("CodeRenderer", importlib.import_module(f"nephoscope.cli.code_outputs.{name}").render)
