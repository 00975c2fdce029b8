"""Output formats for findings in files: a file a format; each exports `render(report, out)` for a CodeReport."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, TextIO, cast

if TYPE_CHECKING:
    from nephoscope.posture.code.code_report import CodeReport

CodeRenderer = Callable[["CodeReport", TextIO], None]


def list_code_formats() -> list[str]:
    """Return the names of the formats, the table first."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem != "__init__")
    return sorted(names, key=lambda name: name != "table")


def is_read_by_host(name: str) -> bool:
    """Tell whether the host of the repository reads a format: files are named from the repository's root there."""
    return bool(getattr(_import_format(name), "READ_BY_HOST", False))


def load_code_renderer(name: str) -> CodeRenderer:
    """Return the `render` function of a format, imported now."""
    return cast("CodeRenderer", _import_format(name).render)


def _import_format(name: str) -> ModuleType:
    return importlib.import_module(f"nephoscope.cli.code_outputs.{name}")
