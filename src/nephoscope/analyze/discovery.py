"""Analyzers are found by scanning this folder: a module with KEYS, TYPES, TABLES where it reads logs, and analyze(view).

BY_TIME is true in a module whose verdicts change with the time of the evaluation alone.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import nephoscope.analyze as package

if TYPE_CHECKING:
    from nephoscope.analyze.key import Key
    from nephoscope.estate.view import View
    from nephoscope_policy.model.assessment import Assessment


@dataclass(frozen=True, slots=True)
class Analyzer:
    """A module: the keys that it writes, the lower-cased types and the tables of the lake that it reads, its function, its words.

    `by_time`: what it says changes with the time of the evaluation, though nothing else does.
    """

    name: str
    keys: Mapping[str, Key]
    types: tuple[str, ...]
    tables: tuple[str, ...]
    analyze: Callable[[View], Iterable[Assessment]]
    doc: str
    by_time: bool = False


class AnalyzerError(Exception):
    """A module in this folder that is half an analyzer, or two that write the same key."""


@cache
def analyzers() -> tuple[Analyzer, ...]:
    """Every analyzer, by name; raises AnalyzerError."""
    found: list[Analyzer] = []
    owners: dict[str, str] = {}
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        if not hasattr(module, "KEYS"):
            continue
        missing = [name for name in ("TYPES", "analyze") if not hasattr(module, name)]
        if missing or not module.__doc__:
            raise AnalyzerError(
                f"{module.__name__} has KEYS but no {' and no '.join([*missing, 'docstring'])}"
            )
        for key in module.KEYS:
            if key in owners:
                raise AnalyzerError(f"{module.__name__} and {owners[key]} both write {key}")
            owners[key] = module.__name__
        types, tables = tuple(module.TYPES), tuple(getattr(module, "TABLES", ()))
        by_time = bool(getattr(module, "BY_TIME", False))
        found.append(Analyzer(info.name, module.KEYS, types, tables, module.analyze, module.__doc__, by_time))
    return tuple(found)


def keys() -> dict[str, Key]:
    """Every key that an analyzer answers, be it with Unknown."""
    return {id_: key for analyzer in analyzers() for id_, key in analyzer.keys.items()}
