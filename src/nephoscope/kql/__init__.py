"""The Kusto query language, compiled to SQL.

`compile(text, catalog)` gives SQL, `run(text, tables)` gives rows; both raise KqlError, which has a place and a hint.
"""

from nephoscope.kql.cache import CompileCache as CompileCache
from nephoscope.kql.catalog import Catalog as Catalog
from nephoscope.kql.catalog import MemoryCatalog as MemoryCatalog
from nephoscope.kql.compile import Compiled as Compiled
from nephoscope.kql.compile import compile_query as compile  # noqa: A004 - the public name
from nephoscope.kql.complete import Completion as Completion
from nephoscope.kql.complete import complete as complete
from nephoscope.kql.errors import KqlError as KqlError
from nephoscope.kql.formatter import formatted as formatted
from nephoscope.kql.run import QueryResult as QueryResult
from nephoscope.kql.run import results as results
from nephoscope.kql.run import run as run
from nephoscope.kql.schema import schema as schema

__all__ = [
    "Catalog",
    "CompileCache",
    "Compiled",
    "Completion",
    "KqlError",
    "MemoryCatalog",
    "QueryResult",
    "compile",
    "complete",
    "formatted",
    "results",
    "run",
    "schema",
]
