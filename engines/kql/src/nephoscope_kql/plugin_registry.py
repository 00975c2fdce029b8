"""The plugins of `evaluate` by name, found by scanning the folder `plugins`."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module

from nephoscope_kql import plugins as folder
from nephoscope_kql.binder.plugin_interface import Plugin


@cache
def load_plugins() -> Mapping[str, Plugin]:
    """Every plugin by its name, which is case-sensitive."""
    found: dict[str, Plugin] = {}
    for module in sorted(item.name for item in pkgutil.iter_modules(folder.__path__)):
        for value in vars(import_module(f"{folder.__name__}.{module}")).values():
            several = value if isinstance(value, tuple) else (value,)
            for one in several:
                if isinstance(one, Plugin) and found.setdefault(one.name, one) is not one:
                    raise RuntimeError(f"two plugins are named {one.name}")
    return found
