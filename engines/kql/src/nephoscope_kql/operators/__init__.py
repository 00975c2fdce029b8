"""The tabular operators, bound: a family a file, found by scanning the folder."""

from __future__ import annotations

import pkgutil
from importlib import import_module


def load() -> None:
    """Import every family, so that its operators are known to the binder."""
    for module in pkgutil.iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
