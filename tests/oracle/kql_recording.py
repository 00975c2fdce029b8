"""What the workspace of the recording had: a function that no record without errors needs is taken as one that it lacked.

Microsoft's analyzer gives a call of a function that nobody has columns of the type `unknown` inside a fuzzy union, and an error
elsewhere. So of the corpus's workspace functions those were there without which a record free of errors could not be bound; of the
others the records say nothing but errors and unknown columns. No record is known by its path.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import nephoscope_kql as kql
from nephoscope_kql.parser.lexer import split_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import kql_rule_files

    from nephoscope_kql.catalog import Catalog, MemoryCatalog

Columns = tuple[tuple[str, str], ...]


def named(query: str) -> set[str]:
    """The words of a query that could name a function."""
    return {token.text for token in split_words(query).tokens if token.kind == "name"}


def without(catalog: MemoryCatalog, names: Iterable[str]) -> MemoryCatalog:
    """The catalog without some of its functions."""
    gone = set(names)
    kept = {name: one for name, one in catalog.functions.items() if name not in gone}
    return replace(catalog, functions=kept)


def lacking(rules: Sequence[kql_rule_files.Rule], catalog: MemoryCatalog) -> frozenset[str]:
    """The functions that records name and that no record without errors needs."""
    users: dict[str, list[str]] = {}
    for rule in rules:
        for name in named(rule.query) & catalog.functions.keys() - catalog.tables.keys():
            users.setdefault(name, []).extend([] if rule.errors else [rule.query])
    return frozenset(
        name
        for name, queries in users.items()
        if all(binds(query, without(catalog, [name])) for query in queries)
    )


def binds(query: str, catalog: Catalog) -> bool:
    """Whether a query compiles."""
    try:
        kql.compile(query, catalog)
    except Exception:  # noqa: BLE001 - a runner's border: what cannot be compiled does not bind; its miss is shown where it is judged
        return False
    return True


def resolved(columns: Columns, found: Iterable[str]) -> Columns:
    """Recorded columns without those of unknown type that the call alone gives: they are none of the found names.

    A name that was split in two for one of these alone is one again.
    """
    own = set(found)
    split = {name.removesuffix("_unknown") for name, kind in columns if kind == "unknown"}
    known = [(name, kind) for name, kind in columns if kind != "unknown" or name in own]
    result = []
    for name, kind in known:
        base = name.removesuffix(f"_{kind}")
        several = sum(other.removesuffix(f"_{one}") == base and other != base for other, one in known)
        result.append((base if base in split and several == 1 else name, kind))
    return tuple(result)
