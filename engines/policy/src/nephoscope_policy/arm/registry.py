"""The functions of the language, found by scanning the folder `functions`: a family is a file."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType

from nephoscope_policy.arm import functions
from nephoscope_policy.arm.function import ArmFunction


@cache
def load_registry() -> Mapping[str, ArmFunction]:
    """Every function by its lower-cased name."""
    found: dict[str, ArmFunction] = {}
    for module in sorted(item.name for item in pkgutil.iter_modules(functions.__path__)):
        for value in vars(import_module(f"{functions.__name__}.{module}")).values():
            if not isinstance(value, ArmFunction):
                continue
            if found.setdefault(value.key, value) is not value:
                raise RuntimeError(f"two functions are named {value.name}")
    return MappingProxyType(found)
