"""The Kusto query language, compiled to SQL.

`compile(text, catalog)` gives SQL, `run(text, tables)` gives rows; both raise KqlError, which has a place and a hint.
The parts are imported when they are first asked for: most of the program wants a type of the language, few a compiler.
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nephoscope_kql.cache import CompileCache as CompileCache
    from nephoscope_kql.catalog import Catalog as Catalog
    from nephoscope_kql.catalog import MemoryCatalog as MemoryCatalog
    from nephoscope_kql.compile import CompiledQuery as CompiledQuery
    from nephoscope_kql.compile import compile_query as compile  # noqa: A004 - the public name
    from nephoscope_kql.completion import Completion as Completion
    from nephoscope_kql.completion import complete as complete
    from nephoscope_kql.errors import KqlError as KqlError
    from nephoscope_kql.formatter import format_query as format_query
    from nephoscope_kql.run import QueryResult as QueryResult
    from nephoscope_kql.run import results as results
    from nephoscope_kql.run import run as run
    from nephoscope_kql.schema import schema as schema

__version__ = "0.1.0"
__all__ = [
    "Catalog",
    "CompileCache",
    "CompiledQuery",
    "Completion",
    "KqlError",
    "MemoryCatalog",
    "QueryResult",
    "compile",
    "complete",
    "format_query",
    "results",
    "run",
    "schema",
]
#: Name -> the module that has it, and its name there.
_PLACES = {
    "Catalog": ("catalog", "Catalog"),
    "CompileCache": ("cache", "CompileCache"),
    "CompiledQuery": ("compile", "CompiledQuery"),
    "Completion": ("completion", "Completion"),
    "KqlError": ("errors", "KqlError"),
    "MemoryCatalog": ("catalog", "MemoryCatalog"),
    "QueryResult": ("run", "QueryResult"),
    "compile": ("compile", "compile_query"),
    "complete": ("completion", "complete"),
    "format_query": ("formatter", "format_query"),
    "results": ("run", "results"),
    "run": ("run", "run"),
    "schema": ("schema", "schema"),
}


class _LazyPackage(ModuleType):
    """The package: a public name is never hidden by the module of the same name, which Python would put in its place."""

    def __getattr__(self, name: str) -> object:
        place = _PLACES.get(name)
        if place is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        found = getattr(importlib.import_module(f"{self.__name__}.{place[0]}"), place[1])
        super().__setattr__(name, found)
        return found

    def __setattr__(self, name: str, value: object) -> None:
        if name not in _PLACES or not isinstance(value, ModuleType):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_PLACES})


sys.modules[__name__].__class__ = _LazyPackage
