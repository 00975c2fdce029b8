"""Column references: the columns that expressions and relations use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from nephoscope_kql.plan.expressions import (
    AggregateCall,
    BoundCall,
    ColumnRef,
    DynamicPath,
    InQuery,
    WindowCall,
)
from nephoscope_kql.plan.relations import Concatenated, Joined
from nephoscope_kql.plan.values import Bound, Relation, SortKey


def list_inputs(relation: Relation) -> tuple[Relation, ...]:
    """The relations directly below a relation."""
    if isinstance(relation, Joined):
        return relation.left, relation.right
    if isinstance(relation, Concatenated):
        return relation.inputs
    below = getattr(relation, "input", None)
    return () if below is None else (below,)


def list_operands(value: Bound) -> Iterator[Bound]:
    """The expressions directly inside an expression; not those of sub-queries."""
    if isinstance(value, BoundCall | AggregateCall):
        yield from value.arguments
    elif isinstance(value, DynamicPath):
        yield value.target
        yield from (step for step in value.steps if isinstance(step, Bound))
    elif isinstance(value, InQuery):
        yield value.operand
    elif isinstance(value, WindowCall):
        yield from value.arguments
        if value.restart is not None:
            yield value.restart


def replace_parts(value: Bound, change: Callable[[Bound], Bound | None]) -> Bound:
    """The expression with another one in the place of each part that `change` gives one for; the outermost part is asked first."""
    changed = change(value)
    if changed is not None:
        return changed
    if isinstance(value, BoundCall):
        return replace(value, arguments=tuple(replace_parts(item, change) for item in value.arguments))
    if isinstance(value, DynamicPath):
        steps = tuple(
            replace_parts(step, change) if isinstance(step, Bound) else step for step in value.steps
        )
        return replace(value, target=replace_parts(value.target, change), steps=steps)
    return value


def count_columns(values: Iterable[Bound]) -> dict[str, int]:
    """The ids of the columns that expressions read, with how often each is written."""
    found: dict[str, int] = {}
    pending = list(values)
    while pending:
        value = pending.pop()
        if isinstance(value, ColumnRef):
            found[value.column.id] = found.get(value.column.id, 0) + 1
        else:
            pending.extend(list_operands(value))
    return found


def list_order_ids(order: Iterable[SortKey]) -> set[str]:
    """The ids of the columns that an order uses."""
    return set(count_columns(key.value for key in order))


COSTLY = frozenset(
    {
        *(
            "_parsed",
            "extract",
            "extract_all",
            "parse_json",
            "parse_url",
            "parse_xml",
            "parse_csv",
            "parse_path",
        ),
        *("parse_user_agent", "split", "replace_regex"),
        *("range", "repeat", "strrep", "strcat_array"),
        *("rand", "new_guid"),
    }
)
"""Functions that are worth computing once, or that must be, because the next time they give something else."""


def count_parts(value: Bound) -> int:
    """Count how many parts an expression has; a costly function counts for many."""
    total = 0
    pending = [value]
    while pending:
        item = pending.pop()
        total += 20 if isinstance(item, BoundCall) and item.function.name in COSTLY else 1
        pending.extend(list_operands(item))
    return total
