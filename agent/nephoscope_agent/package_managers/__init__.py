"""Package managers: installed packages and pending updates, a manager a file; found by scanning this folder.

A file exports `find_database(settings)`, `list_packages(settings)` and `list_updates(settings)`.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType
from typing import NamedTuple

from nephoscope_agent.settings import Settings


class HostPackage(NamedTuple):
    """An installed package."""

    name: str
    version: str
    architecture: str
    publisher: str = ""
    description: str = ""


class AvailableUpdate(NamedTuple):
    """An update that is not installed; `classification` is that of Update Manager: Critical, Security or Other."""

    name: str
    version: str
    installed: str
    classification: str
    repository: str = ""
    advisory: str = ""


class UpdateList(NamedTuple):
    """The pending updates, and when the lists of the repositories were last fetched (None = not known)."""

    updates: list[AvailableUpdate]
    fetched: float | None


class UpdatesUnknownError(Exception):
    """Pending updates that cannot be told, with the reason."""


def find_manager(settings: Settings) -> ModuleType | None:
    """Return the package manager whose database the host has; the first by name of its file."""
    for info in sorted(pkgutil.iter_modules(__path__), key=lambda one: one.name):
        module = importlib.import_module(f"{__name__}.{info.name}")
        if hasattr(module, "find_database") and module.find_database(settings):
            return module
    return None
