"""Finding operations: every module of the package, and of its folders, with OPERATIONS."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache

import nephoscope.operations as package
from nephoscope.operations.declaration.operation import OperationGroup


@cache
def load_operation_groups() -> dict[str, OperationGroup]:
    """The groups by the name of their file."""
    return {name.rpartition(".")[2]: load_operation_group(name) for name in sorted(_list_modules())}


def load_operation_group(name: str) -> OperationGroup:
    """The group of a file, by its name below the package: workspaces, access.roles."""
    group: OperationGroup = importlib.import_module(f"{package.__name__}.{name}").OPERATIONS
    return group


def _list_modules() -> Iterator[str]:
    for one in pkgutil.iter_modules(package.__path__):
        if not one.ispkg:
            yield one.name
        elif one.name != "declaration":
            folder = importlib.import_module(f"{package.__name__}.{one.name}")
            yield from (f"{one.name}.{each.name}" for each in pkgutil.iter_modules(folder.__path__))
