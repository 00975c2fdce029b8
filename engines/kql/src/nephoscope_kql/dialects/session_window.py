"""row_window_session() in SQL, as a recursive table over ordered rows."""

from __future__ import annotations

from sqlglot import exp

from nephoscope_kql.dialects.ordered_rows import (
    PART,
    PLACE,
    add_items,
    alias_table,
    build_partition_starts,
    build_qualified_column,
    coalesce_true,
    compare_with_state,
    join_following_row,
    number_rows,
)
from nephoscope_kql.dialects.relational import Emitter, Needed
from nephoscope_kql.dialects.select_block import SelectBlock, make_block_over
from nephoscope_kql.plan.expressions import WindowCall
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import KqlType

E = exp.Expr


def write_session(
    call: WindowCall, block: SelectBlock, passing: Needed, parts: list[E], keys: list[E], emitter: Emitter
) -> tuple[SelectBlock, E]:
    """row_window_session(): a new block over the rows, and the first time of each row's session.

    A restart, a missing neighbor or one that is too far away begin a session whatever came before: the rows between two such are a
    part of their own, so that there are only as many rounds as the longest part has rows.
    """
    ids = sorted(passing & block.values.keys())
    value, first, neighbor = (emitter.write_scalar(argument, block) for argument in call.arguments)
    restart = (
        nodes.build_boolean(False) if call.restart is None else emitter.write_scalar(call.restart, block)
    )
    mine = emitter.choose_fresh_name()
    runs, inside = _read_runs(block, ids, (mine, value), (neighbor, restart), (parts, keys), emitter)
    rows = number_rows(
        runs,
        [(one, nodes.build_name(one)) for one in [*ids, mine]],
        inside,
        [nodes.sort_key(nodes.build_name("g"))],
        emitter,
    )
    state, begun = f"r{emitter.choose_fresh_name()}", emitter.choose_fresh_name()
    now, since = build_qualified_column("r", mine), build_qualified_column("s", begun)
    fresh = nodes.build_binary(
        "or", nodes.is_null(since), nodes.build_binary(">=", nodes.build_binary("-", now, since), first)
    )
    start = nodes.build_case(
        (nodes.is_null(now), nodes.build_null(KqlType.DATETIME)), (fresh, now), otherwise=since
    )
    step = join_following_row(state, rows, [(begun, start)])
    names = [PART, PLACE, begun]
    anchor = build_partition_starts(rows, [(begun, nodes.build_null(KqlType.DATETIME))])
    emitter.share_recursive(state, names, anchor, step.build_select(step.list_columns(names)))
    on = nodes.build_chain(
        "and",
        [
            compare_with_state(PART),
            nodes.build_binary("=", build_qualified_column("r", PLACE), build_qualified_column("s", PLACE)),
        ],
    )
    both = SelectBlock(
        alias_table(rows, "r"), joins=[exp.Join(this=alias_table(state, "s"), on=on, kind="INNER")]
    )
    found = emitter.choose_fresh_name()
    columns = [(one, build_qualified_column("r", one)) for one in ids]
    return make_block_over(
        both.build_select([*columns, (found, build_qualified_column("s", begun))]), [*ids, found]
    ), nodes.build_name(found)


def _read_runs(
    block: SelectBlock,
    ids: list[str],
    value: tuple[str, E],
    limits: tuple[E, E],
    windows: tuple[list[E], list[E]],
    emitter: Emitter,
) -> tuple[SelectBlock, list[E]]:
    """The rows in runs that no session crosses, their place as `g`; and what tells the runs apart."""
    (mine, _), (neighbor, restart), (parts, keys) = value, limits, windows
    named = [(emitter.choose_fresh_name(), part) for part in parts]
    items = [
        *block.list_columns(ids),
        value,
        *named,
        ("again", nodes.build_coalesce(restart, nodes.build_boolean(False))),
        ("g", nodes.build_window(nodes.build_call("row_number"), [], keys)),
    ]
    ordered = make_block_over(block.build_select(items), [name for name, _ in items])
    inside = [nodes.build_name(name) for name, _ in named]
    order = [nodes.sort_key(nodes.build_name("g"))]
    before = nodes.build_window(nodes.build_call("lag", nodes.build_name(mine)), inside, order)
    lagged = add_items(ordered, [("before", before)])
    far = nodes.build_binary(
        ">=", nodes.build_binary("-", nodes.build_name(mine), nodes.build_name("before")), neighbor
    )
    begins = nodes.build_chain(
        "or", [nodes.build_name("again"), nodes.is_null(nodes.build_name("before")), coalesce_true(far)]
    )
    counted = nodes.build_cast(nodes.build_cast(begins, "BOOLEAN"), "INTEGER")
    frame = exp.WindowSpec(kind="ROWS", start="UNBOUNDED", start_side="PRECEDING", end="CURRENT ROW")
    run = nodes.build_window(nodes.build_call("sum", counted), inside, order, frame)
    return add_items(lagged, [("run", run)]), [*inside, nodes.build_name("run")]
