"""Finds the syntaxes of this folder and reads a range in one of them."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from types import ModuleType

import nephoscope.model.version_ranges as package
from nephoscope.model.version_ranges.version_range import VersionRange
from nephoscope.model.versions.errors import VersionError


class SyntaxModuleError(Exception):
    """A module in this folder that is half a syntax, or two that claim one name."""


@cache
def load_syntaxes() -> dict[str, ModuleType]:
    """Return the module of every syntax by its names; raises SyntaxModuleError."""
    found: dict[str, ModuleType] = {}
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        for name in getattr(module, "SYNTAXES", ()):
            if name in found or not hasattr(module, "parse"):
                raise SyntaxModuleError(f"{module.__name__}: {name} is claimed twice, or parse is missing")
            found[name] = module
    return found


def parse_range(syntax: str, text: str, ecosystem: str = "") -> VersionRange:
    """Read a range; the ecosystem counts where the syntax has no order of its own. Raises VersionError."""
    module = load_syntaxes().get(syntax)
    if module is None:
        raise VersionError(f"unknown range syntax {syntax!r}")
    parsed: VersionRange = module.parse(text, ecosystem)
    return parsed
