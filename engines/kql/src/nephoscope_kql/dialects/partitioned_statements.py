"""Partitioned statements: a relation as one DuckDB statement per table, and as a single statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from nephoscope_kql.dialects import duckdb
from nephoscope_kql.dialects.duckdb import Printer, format_node
from nephoscope_kql.dialects.relational import Emitter
from nephoscope_kql.plan.union_partitions import SplitRelation, TableShare, split_into_shares
from nephoscope_kql.plan.values import Column, Relation
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import KqlType


@dataclass(frozen=True, slots=True)
class ShareStatement:
    """The statement of a share: its columns are those of the result at `places`, then its keys; `parameters` are bound in it."""

    sql: str
    places: tuple[int, ...]
    parameters: frozenset[str]


@dataclass(frozen=True, slots=True)
class ShareStatements:
    """The statements of all shares; of their rows the first `most` (None = all) by `keys`: a column, and its key of ORDER BY."""

    several: tuple[ShareStatement, ...]
    most: int | None
    keys: tuple[tuple[str, str], ...]


def write_in_parts(relation: Relation) -> tuple[str, ShareStatements | None, Emitter]:
    """The SQL of a relation as one statement, apart where that costs less, and what the text uses."""
    shares = split_into_shares(relation)
    found = None if shares is None else write_partitioned_statements(relation.columns, shares)
    if found is not None:
        return found
    sql, emitter = duckdb.write_relation(relation)
    return sql, None, emitter


def write_partitioned_statements(
    columns: Sequence[Column], shares: SplitRelation
) -> tuple[str, ShareStatements, Emitter] | None:
    """The SQL of a relation of these columns whose rows are shares, as one statement and apart.

    None where they have a part in common.
    """
    emitter = Emitter("duckdb")
    parts: list[ShareStatement] = []
    keys: list[tuple[str, str]] = []
    placed: set[str] = set()
    for share in shares.shares:
        part, keys = _write_share(share, emitter)
        placed |= part.parameters
        parts.append(part)
    if emitter.shared:
        return None
    emitter.parameters = placed
    several = ShareStatements(tuple(parts), shares.most, tuple(keys))
    return _write_union_all(columns, several), several, emitter


def _write_share(share: TableShare, emitter: Emitter) -> tuple[ShareStatement, list[tuple[str, str]]]:
    relation = share.relation
    ids = [relation.columns[place].id for place in share.places]
    block = emitter.write_rows(relation, frozenset(ids))
    ordered = [one for one in emitter.write_keys(relation.order, block) if isinstance(one, exp.Ordered)]
    items, keys = block.list_columns(ids), list[tuple[str, str]]()
    for place, one in enumerate(ordered):
        name = f"key{place}"
        items.append((name, one.this))
        keys.append(
            (
                name,
                format_node(
                    nodes.sort_key(nodes.build_name(name), not one.args["desc"], one.args["nulls_first"])
                ),
            )
        )
    printer = Printer()
    sql = printer.generate(block.build_select(items), copy=False)
    return ShareStatement(sql, share.places, frozenset(printer.placed)), keys


def _write_union_all(columns: Sequence[Column], parts: ShareStatements) -> str:
    """One statement: what a share lacks is null by its type, '' where it is text."""
    known = [set(part.places) for part in parts.several]
    items = [
        exp.Alias(
            this=_build_item(column, [place in own for own in known]), alias=exp.Identifier(this=column.id)
        )
        for place, column in enumerate(columns)
    ]
    rows = " UNION ALL BY NAME ".join(f"SELECT * FROM ({part.sql})" for part in parts.several)  # noqa: S608 - printed SQL
    order = f" ORDER BY {', '.join(key for _, key in parts.keys)}" if parts.keys else ""
    limit = "" if parts.most is None else f" LIMIT {parts.most}"
    return f"{format_node(exp.Select(expressions=items))} FROM ({rows}){order}{limit}"


def _build_item(column: Column, known: list[bool]) -> exp.Expr:
    if not any(known):
        return nodes.build_text("") if column.type == KqlType.STRING else nodes.build_null(column.type)
    value = nodes.build_name(column.id)
    return (
        nodes.build_coalesce(value, nodes.build_text(""))
        if column.type == KqlType.STRING and not all(known)
        else value
    )
