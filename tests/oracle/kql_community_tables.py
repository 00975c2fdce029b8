"""One published query in a worker process: over the recorded tables and over the product's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corpus_records import raised
from kql_community import GRAPH, OTHER, Published
from kql_compare import Result
from kql_engine import NOW
from kql_rule_engine import Asked, catalog, columns_of, failure
from kql_rule_files import Outcome
from lake_tables import columns, lake_catalog, with_more

import nephoscope_kql as kql
from nephoscope.geolocation.provider import GeolocationLookup
from nephoscope.lake.queries.shipped_functions import load_shipped_functions
from nephoscope.lake.schema.tables import Tables
from nephoscope.posture.published.published_snapshot import GraphCatalog
from nephoscope_kql.catalog import Catalog, MemoryCatalog
from nephoscope_kql.errors import KqlError
from nephoscope_kql.functions.geoip import set_geolocation_lookup

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def assess(folder: Path) -> Callable[[Published], tuple[Outcome, str]]:
    """What a worker does with a query."""
    corpus = folder.parent if (folder.parent / "azure-sentinel").is_dir() else folder
    recorded = catalog(corpus)
    set_geolocation_lookup(
        GeolocationLookup.find(folder)
    )  # what a query finds in the product, which ships the countries of addresses
    own = lake_catalog([*recorded.functions.values(), *load_shipped_functions().values()])
    widened = with_more(recorded, own)
    bags = {table.bag for table in Tables.builtin() if table.bag.startswith("_")}
    hidden = frozenset({*bags, "_IngestedAt", "abc", "..."})

    def run(one: Published) -> tuple[Outcome, str]:
        if one.group == GRAPH:
            return Outcome("graph"), _refusal(one.rule.query, GraphCatalog({}))
        asked = Asked(recorded)
        outcome = _over_recorded(one, asked)
        if outcome.stage in ("compile", "crash"):
            return outcome, ""
        other = sorted(asked.tables.keys() - own.tables.keys())
        return outcome, OTHER + " ".join(other) if other else _over_own(one.rule.query, widened, own, hidden)

    return run


def _refusal(query: str, known: Catalog) -> str:
    """Why a query does not compile ('' = it does)."""
    try:
        kql.compile(query, known, now=NOW)
    except Exception as error:  # noqa: BLE001 - a runner's border: a crash is a miss, and is shown
        return str(error) if isinstance(error, KqlError) else raised(error)
    return ""


def _over_recorded(one: Published, asked: Asked) -> Outcome:
    """Compile over the recorded tables, run on empty ones, and compare columns and types."""
    try:
        compiled = kql.compile(one.rule.query, asked, now=NOW)
    except KqlError as error:
        return Outcome("compile", str(error))
    except Exception as error:  # noqa: BLE001 - a runner's border: a crash is a miss, and is shown
        return Outcome("crash", raised(error))
    tables = {name: Result(schema.columns, ()) for name, schema in asked.tables.items()}
    why = failure(compiled, tables)[1]
    return Outcome("run", why) if why else columns_of(one.rule, compiled.columns)


def _over_own(query: str, widened: MemoryCatalog, own: MemoryCatalog, hidden: frozenset[str]) -> str:
    """What is wrong over the product's tables ('' = nothing): its error, or the columns that differ from those over the recorded."""
    try:
        given, wanted = columns(query, own, hidden), columns(query, widened, hidden)
    except Exception as error:  # noqa: BLE001 - a runner's border: a crash is a miss, and is shown
        return str(error) if isinstance(error, KqlError) else raised(error)
    return "" if given == wanted else f"columns differ: {sorted(set(given) ^ set(wanted))[:6]}"
