"""The functions and aggregates of the language by name, found by scanning the folder `functions`."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module

from nephoscope_kql import functions as folder
from nephoscope_kql.plan.function_signatures import Aggregate, Callee, ScalarFunction


@cache
def load_functions() -> Mapping[str, ScalarFunction]:
    """Every scalar function by its names, which are case-sensitive."""
    return {
        name: item
        for item in _load_declared_functions()
        if isinstance(item, ScalarFunction)
        for name in (item.name, *item.aliases)
    }


@cache
def load_callable_functions() -> Mapping[str, ScalarFunction]:
    """The functions that a query may name: all but the hidden ones, of which operators are made."""
    return {name: item for name, item in load_functions().items() if not item.hidden}


@cache
def load_aggregates() -> Mapping[str, Aggregate]:
    """Every aggregate by its names."""
    return {
        name: item
        for item in _load_declared_functions()
        if isinstance(item, Aggregate)
        for name in (item.name, *item.aliases)
    }


@cache
def _load_declared_functions() -> tuple[Callee, ...]:
    found: dict[tuple[type, str], Callee] = {}
    for module in sorted(item.name for item in pkgutil.iter_modules(folder.__path__)):
        for value in vars(import_module(f"{folder.__name__}.{module}")).values():
            if not isinstance(value, Callee):
                continue
            for name in (value.name, *getattr(value, "aliases", ())):
                if found.setdefault((type(value), name), value) is not value:
                    raise RuntimeError(f"two functions are named {name}")
    return tuple(dict.fromkeys(found.values()))
