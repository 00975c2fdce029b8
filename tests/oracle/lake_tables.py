"""Sentinel's rules over the lake's tables: `python tests/oracle/lake_tables.py CORPUS [-v]`.

CORPUS holds azure-sentinel/ and kql/ (rule_result_types.jsonl, table_schemas.json). A rule counts whose record has no errors and all
of whose tables (as its query binds them over the corpus's own schemas) are the lake's: it must compile over the lake's catalog, and
give the columns and types that it gives over the corpus's schemas, where those are no artefacts (`abc`, `...`), beside the columns
that only the lake has. Prints the tables that other rules would need; the last line is `N/M match`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from corpus_records import raised
from kql_rule_files import Rule, functions, rules

from nephoscope.lake.schema.tables import Tables
from nephoscope_kql.catalog import Catalog, MemoryCatalog, StoredFunction, TableSchema
from nephoscope_kql.errors import KqlError
from nephoscope_kql.schema import schema


@dataclass
class Recording:
    """A catalog that remembers which tables were asked for and found."""

    catalog: MemoryCatalog
    found: set[str] = field(default_factory=set)

    def find_table(self, name: str) -> TableSchema | None:
        table = self.catalog.find_table(name)
        if table is not None:
            self.found.add(name)
        return table

    def find_function(self, name: str) -> StoredFunction | None:
        return self.catalog.find_function(name)

    def names(self) -> Iterable[str]:
        return self.catalog.names()

    def known_tables(self) -> Iterable[str]:
        return self.catalog.known_tables()

    def find_watchlist(self, alias: str) -> TableSchema | None:
        return self.catalog.find_watchlist(alias)

    def resolve_place(self, kind: str, name: str) -> Catalog | None:
        return self.catalog.resolve_place(kind, name)


def lake_catalog(stored: Iterable[StoredFunction]) -> MemoryCatalog:
    """What the binder sees of the lake: the package's tables and the workspace functions of the corpus."""
    tables = {table.name: table.to_schema(table.name) for table in Tables.builtin()}
    return MemoryCatalog(tables, {function.name: function for function in stored})


def columns(query: str, catalog: Catalog, hidden: frozenset[str]) -> list[tuple[str, str]]:
    """The columns and types of a query, sorted, without those that only one side has (a join numbers them)."""
    found = schema(query, catalog)
    return sorted((name, kind.value) for name, kind in found if name.rstrip("0123456789") not in hidden)


def assess(
    rule: Rule, corpus: MemoryCatalog, lake: MemoryCatalog, hidden: frozenset[str]
) -> tuple[set[str], str]:
    """The tables of a rule, and what is wrong with it over the lake ('' = nothing, 'other tables' = it does not count)."""
    recording = Recording(corpus)
    try:
        wanted = columns(rule.query, recording, hidden)
    except KqlError:
        return recording.found, "other tables"
    except Exception as error:  # noqa: BLE001 - a runner's border: an exception in a rule is a miss, and is shown
        return recording.found, raised(error)
    if not recording.found or recording.found - lake.tables.keys():
        return recording.found, "other tables"
    try:
        given = columns(rule.query, lake, hidden)
    except KqlError as error:
        return recording.found, str(error)
    except Exception as error:  # noqa: BLE001 - a runner's border: an exception in a rule is a miss, and is shown
        return recording.found, raised(error)
    if given != wanted:
        return recording.found, f"columns differ: {sorted(set(given) ^ set(wanted))[:6]}"
    return recording.found, ""


def with_more(corpus: MemoryCatalog, lake: MemoryCatalog) -> MemoryCatalog:
    """The corpus's schemas, each with the columns that only the lake's table has: a branch of a fuzzy union may need them."""
    tables = dict(corpus.tables)
    for name, table in lake.tables.items():
        if name in tables:
            known = {column for column, _ in tables[name].columns}
            more = [pair for pair in table.columns if pair[0] not in known]
            tables[name] = replace(tables[name], columns=(*tables[name].columns, *more))
    return replace(corpus, tables=tables)


def corpus_catalog(folder: Path, stored: list[StoredFunction]) -> MemoryCatalog:
    """The schemas of the corpus: Microsoft's tables and the results of vendors' functions; what it has as a function is one."""
    text = (folder / "kql/table_schemas.json").read_text(encoding="utf-8")
    schemas: Mapping[str, Mapping[str, str]] = json.loads(text)
    functions_ = {function.name for function in stored}
    # a blank at the end of a name is a slip of the file: no query could name such a column
    tables = {
        name: [(column.rstrip(), kind) for column, kind in table.items()]
        for name, table in schemas.items()
        if name not in functions_
    }
    return MemoryCatalog.of(tables, stored)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path)
    parser.add_argument("-v", "--verbose", action="store_true", help="print every rule that fails")
    options = parser.parse_args()
    stored = [StoredFunction(name, body, parameters) for name, parameters, body in functions(options.corpus)]
    corpus, lake = corpus_catalog(options.corpus, stored), lake_catalog(stored)
    bags = {table.bag for table in Tables.builtin() if table.bag.startswith("_")}
    hidden = frozenset({*bags, "_IngestedAt", "abc", "..."})
    corpus = with_more(corpus, lake)
    chosen = [rule for rule in rules(options.corpus) if rule.query and rule.errors == 0]
    verdicts = [(rule, *assess(rule, corpus, lake, hidden)) for rule in chosen]
    needed = Counter(
        name for _, tables, why in verdicts if why == "other tables" for name in tables - lake.tables.keys()
    )
    print(
        f"{len(lake.tables)} tables; tables of other rules:",
        ", ".join(f"{name} {n}" for name, n in needed.most_common(30)),
    )
    counted = [(rule, why) for rule, _, why in verdicts if why != "other tables"]
    for rule, why in counted:
        if why:
            print(f"{rule.path}\n    {why[:400]}")
    used = {name for _, tables, why in verdicts if not why for name in tables}
    print(f"{len(counted)} of {len(chosen)} rules need no other table; they use {len(used)} tables")
    matched = sum(not why for _, why in counted)
    if not counted:
        print("no rule counts", file=sys.stderr)
        return 2
    print(f"{matched}/{len(counted)} match")
    return 0 if matched == len(counted) else 1


if __name__ == "__main__":
    sys.exit(main())
