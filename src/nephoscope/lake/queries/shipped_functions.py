"""The functions that come with the product: every workspace has them, and a stored function of the same name stands over one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import yaml

from nephoscope_kql.catalog import StoredFunction


@cache
def shipped_functions() -> Mapping[str, StoredFunction]:
    """By name, read once."""
    folder = files("nephoscope") / "content" / "functions"
    documents = [yaml.safe_load(one.read_bytes()) for one in folder.iterdir() if one.name.endswith(".yaml")]
    found = [StoredFunction(one["name"], one["body"], one.get("parameters", "")) for one in documents]
    return MappingProxyType({one.name: one for one in found})
