"""Readers are found by scanning `formats`: a module with TITLE, PRECEDENCE, `recognizes(file)` and `read(file)`.

A reader claims a file by its name and content; the first that does, by ascending PRECEDENCE, reads it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from nephoscope.collect.sbom import formats
from nephoscope.collect.sbom.bill_of_materials import Bill
from nephoscope.collect.sbom.sbom_file import SbomFile


class BillFormatError(Exception):
    """A module in this folder that is half a reader."""


@dataclass(frozen=True, slots=True)
class BillFormat:
    """A module that reads one format; `read` raises UnreadableBillError."""

    name: str
    title: str
    precedence: int
    recognizes: Callable[[SbomFile], bool]
    read: Callable[[SbomFile], Bill]


@cache
def load_formats() -> tuple[BillFormat, ...]:
    """Return every format, the most specific first; raises BillFormatError."""
    found = []
    for info in pkgutil.iter_modules(formats.__path__):
        module = importlib.import_module(f"{formats.__name__}.{info.name}")
        missing = [
            name for name in ("TITLE", "PRECEDENCE", "recognizes", "read") if not hasattr(module, name)
        ]
        if missing:
            raise BillFormatError(f"{module.__name__} has no {' and no '.join(missing)}")
        found.append(BillFormat(info.name, module.TITLE, module.PRECEDENCE, module.recognizes, module.read))
    return tuple(sorted(found, key=lambda one: (one.precedence, one.name)))
