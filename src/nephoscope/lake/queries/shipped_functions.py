"""The functions that come with the product: every workspace has them, and a stored function of the same name stands over one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import yaml

from nephoscope_kql.catalog import StoredFunction
from nephoscope_kql.types import KqlType


@cache
def load_shipped_functions() -> Mapping[str, StoredFunction]:
    """By name, read once."""
    found = [StoredFunction(one["name"], one["body"], one.get("parameters", "")) for one in _load_documents()]
    return MappingProxyType({one.name: one for one in found})


@cache
def get_function_columns(name: str) -> Mapping[str, KqlType]:
    """The columns that the file of a tabular function declares; none where it declares none."""
    declared: dict[str, str] = next(
        (one.get("columns", {}) for one in _load_documents() if one["name"] == name), {}
    )
    return MappingProxyType({column: KqlType(kind) for column, kind in declared.items()})


@cache
def _load_documents() -> tuple[dict[str, Any], ...]:
    folder = files("nephoscope") / "content" / "functions"
    return tuple(yaml.safe_load(one.read_bytes()) for one in folder.iterdir() if one.name.endswith(".yaml"))
