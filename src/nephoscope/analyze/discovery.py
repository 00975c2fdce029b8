"""Analyzers are found by scanning this folder: a module with KEYS, TYPES, TABLES where it reads logs, and analyze(view)."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING

import msgspec

import nephoscope.analyze as package

if TYPE_CHECKING:
    from nephoscope.analyze.assessment_key import Key
    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment


class Analyzer(msgspec.Struct, frozen=True):
    """A module: the keys that it writes, the lower-cased types and the tables of the lake that it reads, its function, its words."""

    name: str
    keys: Mapping[str, Key]
    types: tuple[str, ...]
    tables: tuple[str, ...]
    analyze: Callable[[EstateView], Iterable[Assessment]]
    doc: str


class AnalyzerError(Exception):
    """A module in this folder that is half an analyzer, or two that write the same key."""


@cache
def load_analyzers() -> tuple[Analyzer, ...]:
    """Every analyzer, by name; raises AnalyzerError."""
    names = sorted(info.name for info in pkgutil.iter_modules(package.__path__))
    found = [one for one in map(load_analyzer, names) if one is not None]
    owners: dict[str, str] = {}
    for one in found:
        for key in one.keys:
            if key in owners:
                raise AnalyzerError(f"{package.__name__}.{one.name} and {owners[key]} both write {key}")
            owners[key] = f"{package.__name__}.{one.name}"
    return tuple(found)


def load_named_analyzers(names: Iterable[str]) -> tuple[Analyzer, ...]:
    """The analyzers of some names, by name; only these are loaded. Raises AnalyzerError."""
    return tuple(one for one in map(load_analyzer, sorted(names)) if one is not None)


@cache
def load_analyzer(name: str) -> Analyzer | None:
    """The analyzer of a module of this folder, None for a module that is none; raises AnalyzerError for half of one."""
    module = importlib.import_module(f"{package.__name__}.{name}")
    if not hasattr(module, "KEYS"):
        return None
    missing = [one for one in ("TYPES", "analyze") if not hasattr(module, one)]
    if missing or not module.__doc__:
        raise AnalyzerError(f"{module.__name__} has KEYS but no {' and no '.join([*missing, 'docstring'])}")
    types, tables = tuple(module.TYPES), tuple(getattr(module, "TABLES", ()))
    return Analyzer(name, module.KEYS, types, tables, module.analyze, module.__doc__)


def list_assessment_keys() -> dict[str, Key]:
    """Every key that an analyzer answers, be it with Unknown."""
    return {id_: key for analyzer in load_analyzers() for id_, key in analyzer.keys.items()}
