"""The witness of mv-expand and mv-apply: a row for each element."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rowwise_values import pairs_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rowwise import Row, Witness

    from nephoscope_kql.plan import relations


def expanded(witness: Witness, relation: relations.Expanded) -> list[Row]:
    return [made for row in witness.rows(relation.input) for made in expansion(witness, relation, row)]


def expansion(witness: Witness, relation: relations.Expanded, row: Row) -> Iterator[Row]:
    lists = [elements(witness.value(one.value, row), one.as_array) for one in relation.expansions]
    longest = max(map(len, lists))
    for at in range(longest if relation.limit is None else min(longest, relation.limit)):
        cells = {
            one.column.id: items[at] if at < len(items) else None
            for one, items in zip(relation.expansions, lists, strict=True)
        }
        yield row | cells | {relation.position.id: at}


def elements(value: Any, as_array: bool) -> list[Any]:
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        return [[key, item] if as_array else {key: item} for key, item in pairs_of(value)]
    return [value]
