"""The scan operator and row_window_session() in SQL, as a recursive table over ordered rows."""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from nephoscope_kql.dialects.relational import Emitter, Needed, writes
from nephoscope_kql.dialects.scalars import scalar
from nephoscope_kql.dialects.select_block import SelectBlock, Value, block_over
from nephoscope_kql.plan.column_references import count_columns
from nephoscope_kql.plan.expressions import WindowCall
from nephoscope_kql.plan.relations import BoundScanStep, Scanned
from nephoscope_kql.plan.values import Bound, Column, Relation
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import KqlType

E = exp.Expr
Items = list[tuple[str, E]]
PART, PLACE, NUMBER = "part", "place", "number"
"""The columns of numbered rows: which part a row is of, its place there from 1, its place among all."""


def number_rows(block: SelectBlock, items: Items, parts: list[E], keys: list[E], emitter: Emitter) -> str:
    """A common table expression of rows with their part, their place in it and among all; its name."""
    part: E = nodes.number(1)
    if parts:
        part = nodes.window(nodes.call("dense_rank"), [], [nodes.sort_key(one) for one in parts])
    place = nodes.window(nodes.call("row_number"), parts, keys)
    whole = nodes.window(nodes.call("row_number"), [], keys)
    counted = [(PART, nodes.cast(part, "BIGINT")), (PLACE, place), (NUMBER, whole)]
    return emitter.share(block.select([*items, *counted]))


def table(name: str) -> E:
    """A table of that name."""
    return exp.Table(this=exp.Identifier(this=name))


def starts(rows: str, items: Items) -> exp.Select:
    """The row before the first of each part."""
    select = SelectBlock(table(rows)).select(
        [(PART, nodes.name(PART)), (PLACE, nodes.cast(nodes.number(0), "BIGINT")), *items]
    )
    select.set("distinct", exp.Distinct())
    return select


def join_following_row(state: str, rows: str, items: Items) -> SelectBlock:
    """The state after a row beside the next row of its part; `items` are (name, SQL over `s.` and `r.` columns)."""
    on = nodes.binary("and", _equal(PART), nodes.binary("=", _qualified_column("r", PLACE), _next_place()))
    join = exp.Join(this=_alias_table(rows, "r"), on=on, kind="INNER")
    block = SelectBlock(_alias_table(state, "s"), joins=[join])
    return block_over(
        block.select([(PART, _qualified_column("r", PART)), (PLACE, _qualified_column("r", PLACE)), *items]),
        [PART, PLACE, *(name for name, _ in items)],
    )


def _equal(name: str) -> E:
    return nodes.binary("=", _qualified_column("r", name), _qualified_column("s", name))


def _next_place() -> E:
    return nodes.binary("+", _qualified_column("s", PLACE), nodes.number(1))


def _alias_table(name: str, alias: str) -> E:
    return exp.Table(this=exp.Identifier(this=name), alias=exp.TableAlias(this=exp.Identifier(this=alias)))


def _qualified_column(table_name: str, name: str) -> E:
    return exp.Column(this=exp.Identifier(this=name), table=exp.Identifier(this=table_name))


def null(kind: KqlType) -> E:
    """Return what a column holds before any row: strings are never null."""
    return nodes.text("") if kind == KqlType.STRING else nodes.null(kind)


def session(
    call: WindowCall, block: SelectBlock, passing: Needed, parts: list[E], keys: list[E], emitter: Emitter
) -> tuple[SelectBlock, E]:
    """row_window_session(): a new block over the rows, and the first time of each row's session.

    A restart, a missing neighbour or one that is too far away begin a session whatever came before: the rows between two such are a
    part of their own, so that there are only as many rounds as the longest part has rows.
    """
    ids = sorted(passing & block.values.keys())
    value, first, neighbour = (emitter.scalar(argument, block) for argument in call.arguments)
    restart = nodes.boolean(False) if call.restart is None else emitter.scalar(call.restart, block)
    mine = emitter.fresh_name()
    runs, inside = _runs(block, ids, (mine, value), (neighbour, restart), (parts, keys), emitter)
    rows = number_rows(
        runs,
        [(one, nodes.name(one)) for one in [*ids, mine]],
        inside,
        [nodes.sort_key(nodes.name("g"))],
        emitter,
    )
    state, begun = f"r{emitter.fresh_name()}", emitter.fresh_name()
    now, since = _qualified_column("r", mine), _qualified_column("s", begun)
    fresh = nodes.binary("or", nodes.is_null(since), nodes.binary(">=", nodes.binary("-", now, since), first))
    start = nodes.case((nodes.is_null(now), nodes.null(KqlType.DATETIME)), (fresh, now), otherwise=since)
    step = join_following_row(state, rows, [(begun, start)])
    names = [PART, PLACE, begun]
    anchor = starts(rows, [(begun, nodes.null(KqlType.DATETIME))])
    emitter.share_recursive(state, names, anchor, step.select(step.columns(names)))
    on = nodes.chain(
        "and", [_equal(PART), nodes.binary("=", _qualified_column("r", PLACE), _qualified_column("s", PLACE))]
    )
    both = SelectBlock(
        _alias_table(rows, "r"), joins=[exp.Join(this=_alias_table(state, "s"), on=on, kind="INNER")]
    )
    found = emitter.fresh_name()
    columns = [(one, _qualified_column("r", one)) for one in ids]
    return block_over(
        both.select([*columns, (found, _qualified_column("s", begun))]), [*ids, found]
    ), nodes.name(found)


def _runs(
    block: SelectBlock,
    ids: list[str],
    value: tuple[str, E],
    limits: tuple[E, E],
    windows: tuple[list[E], list[E]],
    emitter: Emitter,
) -> tuple[SelectBlock, list[E]]:
    """The rows in runs that no session crosses, their place as `g`; and what tells the runs apart."""
    (mine, _), (neighbour, restart), (parts, keys) = value, limits, windows
    named = [(emitter.fresh_name(), part) for part in parts]
    items = [
        *block.columns(ids),
        value,
        *named,
        ("again", nodes.coalesce(restart, nodes.boolean(False))),
        ("g", nodes.window(nodes.call("row_number"), [], keys)),
    ]
    ordered = block_over(block.select(items), [name for name, _ in items])
    inside = [nodes.name(name) for name, _ in named]
    order = [nodes.sort_key(nodes.name("g"))]
    before = nodes.window(nodes.call("lag", nodes.name(mine)), inside, order)
    lagged = _add_items(ordered, [("before", before)])
    far = nodes.binary(">=", nodes.binary("-", nodes.name(mine), nodes.name("before")), neighbour)
    begins = nodes.chain("or", [nodes.name("again"), nodes.is_null(nodes.name("before")), _true(far)])
    counted = nodes.cast(nodes.cast(begins, "BOOLEAN"), "INTEGER")
    frame = exp.WindowSpec(kind="ROWS", start="UNBOUNDED", start_side="PRECEDING", end="CURRENT ROW")
    run = nodes.window(nodes.call("sum", counted), inside, order, frame)
    return _add_items(lagged, [("run", run)]), [*inside, nodes.name("run")]


class _Machine:
    """The columns that hold the state of scan, step by step.

    In the recursive table `live0` says whether a sequence is at step 0, `match0` its number, `hit0` whether the row matched the step;
    held() names the values.
    """

    def __init__(self, relation: Scanned, needed: Needed) -> None:
        self.relation = relation
        self.steps = relation.steps
        values = [step.condition for step in self.steps]
        values += [value for step in self.steps for _, value in step.assigned]
        self.reads = count_columns(values).keys()
        self.declared = dict(relation.declared)
        self.needed = needed

    def carried_columns(self, step: BoundScanStep) -> list[tuple[Column, Column]]:
        """The columns of a matched row that later rows read, and the declared ones, which the result shows."""
        return [(own, seen) for own, seen in step.seen if seen.id in self.reads or own in self.declared]

    def state_columns(self, level: int) -> list[tuple[BoundScanStep, Column, Column]]:
        """Return what the state of a step holds: (step, the row's column, its name in expressions) of all steps up to it."""
        return [
            (step, own, seen) for step in self.steps[: level + 1] for own, seen in self.carried_columns(step)
        ]

    def state_column_name(self, level: int, seen: Column) -> str:
        """The name of a value in the state of a step."""
        return f"v{level}_{seen.id}"

    def blank(self, own: Column, emitter: Emitter) -> E:
        """Return what a value is where no row has matched."""
        default = self.declared.get(own)
        return null(own.type) if default is None else scalar(default, {}, emitter)

    def values(self, level: int, row: dict[str, Value], state: int, emitter: Emitter) -> dict[str, Value]:
        """The columns of expressions of a step: the row's, and those of a state (-1 = none); later steps are blank."""
        found = dict(row)
        for step, own, seen in self.state_columns(level):
            known = self.steps.index(step) <= state
            sql = nodes.name(self.state_column_name(state, seen)) if known else self.blank(own, emitter)
            found[seen.id] = Value(sql)
        return found


@writes(Scanned)
def write_scanned(relation: Scanned, needed: Needed, emitter: Emitter) -> SelectBlock:
    """Numbered rows, a recursive table of states, and the rows of the steps one after another."""
    machine = _Machine(relation, needed)
    rows, carried = _rows(relation, machine, needed, emitter)
    state = f"r{emitter.fresh_name()}"
    names = [PART, PLACE, "last_match"]
    blanks: Items = [("last_match", nodes.cast(nodes.number(-1), "BIGINT"))]
    for level in range(len(machine.steps)):
        blanks += [
            (f"live{level}", nodes.boolean(False)),
            (f"match{level}", nodes.null(KqlType.LONG)),
            (f"hit{level}", nodes.boolean(False)),
        ]
        blanks += [
            (
                machine.state_column_name(level, seen),
                nodes.cast(machine.blank(own, emitter), own.type.physical),
            )
            for _, own, seen in machine.state_columns(level)
        ]
    names += [name for name, _ in blanks[1:]]
    step = _step(machine, state, rows, carried, names, emitter)
    emitter.share_recursive(state, names, starts(rows, blanks), step)
    return _matches(relation, machine, state, rows, needed)


def _rows(relation: Scanned, machine: _Machine, needed: Needed, emitter: Emitter) -> tuple[str, list[str]]:
    """The numbered rows, and which of their columns the steps read."""
    own = {column.id for column in relation.input.columns}
    stepwise = [
        own_.id for step in machine.steps for own_, _ in machine.carried_columns(step) if own_.id in own
    ]
    read = sorted(own & {*machine.reads, *stepwise})
    passing = frozenset((needed & own) | set(read))
    block = emitter.block_over(relation.input, passing, relation.partition, before_where=True)
    ids = sorted(passing & block.values.keys())
    parts = [emitter.scalar(value, block) for value in relation.partition]
    keys = emitter.keys(relation.input.order, block)
    return number_rows(block, block.columns(ids), parts, keys, emitter), read


def _step(
    machine: _Machine, state: str, rows: str, carried: list[str], names: list[str], emitter: Emitter
) -> exp.Select:
    """From the state after a row to that after the next: which steps match by promotion, which by staying, then the new values."""
    row = {one: Value(nodes.name(one)) for one in carried}
    items: Items = [(name, _qualified_column("s", name)) for name in names[2:]]
    block = join_following_row(
        state, rows, [*items, *((one, _qualified_column("r", one)) for one in carried)]
    )
    count = len(machine.steps)
    promoted: Items = []
    for level in range(1, count):
        values = machine.values(level, row, level - 1, emitter)
        holds = _true(scalar(machine.steps[level].condition, values, emitter))
        promoted.append((f"up{level}", nodes.binary("and", nodes.name(f"live{level - 1}"), holds)))
    block = _add_items(block, promoted)
    stayed: Items = []
    for level in range(count):
        stayed.append((f"stay{level}", _matches_again(machine, level, row, emitter)))
    block = _add_items(block, stayed)
    return block.select(_next_state(machine, row, names, emitter))


def _add_items(block: SelectBlock, items: Items) -> SelectBlock:
    """A new block with further columns."""
    ids = list(block.values)
    return block_over(block.select([*block.columns(ids), *items]), [*ids, *(name for name, _ in items)])


def _true(node: E) -> E:
    return nodes.coalesce(node, nodes.boolean(False))


def _has_advanced(machine: _Machine, level: int) -> E | None:
    """Return whether the sequence at a step went on to the next one; None for the last step."""
    return nodes.name(f"up{level + 1}") if level + 1 < len(machine.steps) else None


def _matches_again(machine: _Machine, level: int, row: dict[str, Value], emitter: Emitter) -> E:
    """Return whether the row matches a step again, or the first one anew."""
    step, gone = machine.steps[level], _has_advanced(machine, level)
    again = _true(scalar(step.condition, machine.values(level, row, level, emitter), emitter))
    if level == 0:
        if gone is None:
            return again
        anew = _true(scalar(step.condition, machine.values(level, row, -1, emitter), emitter))
        return nodes.case((gone, anew), otherwise=again)
    parts = [nodes.not_(nodes.name(f"up{level}")), nodes.name(f"live{level}"), again]
    if gone is not None:
        parts.insert(0, nodes.not_(gone))
    return nodes.chain("and", parts)


def _next_state(machine: _Machine, row: dict[str, Value], names: list[str], emitter: Emitter) -> Items:
    """The new state, in the order of its names."""
    stay, gone = nodes.name("stay0"), _has_advanced(machine, 0)
    empty = nodes.not_(nodes.name("live0"))
    if gone is not None:
        empty = nodes.binary("or", empty, gone)
    begins = nodes.binary("and", stay, empty)
    last = nodes.binary(
        "+", nodes.name("last_match"), nodes.case((begins, nodes.number(1)), otherwise=nodes.number(0))
    )
    found: dict[str, E] = {PART: nodes.name(PART), PLACE: nodes.name(PLACE), "last_match": last}
    for level in range(len(machine.steps)):
        up: E = nodes.name(f"up{level}") if level else nodes.boolean(False)
        hit = nodes.binary("or", up, nodes.name(f"stay{level}"))
        left = _has_advanced(machine, level)
        cleared = nodes.boolean(False) if left is None else left
        kept_alive = nodes.binary("and", nodes.name(f"live{level}"), nodes.not_(cleared))
        found[f"hit{level}"] = hit
        found[f"live{level}"] = nodes.binary("or", hit, kept_alive)
        own_match: E = nodes.name(f"match{level}")
        if level:
            match = nodes.case((up, nodes.name(f"match{level - 1}")), otherwise=own_match)
        else:
            match = nodes.case((begins, last), otherwise=own_match)
        found[f"match{level}"] = match
        found.update(_next_state_values(machine, level, row, emitter))
    return [(name, found[name]) for name in names]


def _next_state_values(
    machine: _Machine, level: int, row: dict[str, Value], emitter: Emitter
) -> dict[str, E]:
    """The values in a step's state: of earlier steps as they were promoted, of its own from the row that matched."""
    step, left = machine.steps[level], _has_advanced(machine, level)
    up: E = nodes.name(f"up{level}") if level else nodes.boolean(False)
    stay = nodes.name(f"stay{level}")
    promoted = machine.values(level, row, level - 1, emitter)
    stayed = machine.values(level, row, level, emitter)
    anew = machine.values(level, row, -1, emitter)
    assigned = dict(step.assigned)
    found: dict[str, E] = {}
    for owner, own, seen in machine.state_columns(level):
        name = machine.state_column_name(level, seen)
        old: E = nodes.name(name)
        cleared = old if left is None else nodes.case((left, machine.blank(own, emitter)), otherwise=old)
        if owner is not step:
            before = nodes.name(machine.state_column_name(level - 1, seen))
            found[name] = nodes.case((up, before), (stay, old), otherwise=cleared)
            continue
        fresh = _matched_value(own, assigned.get(own), promoted, emitter, machine)
        again = _matched_value(own, assigned.get(own), stayed, emitter, machine)
        if level == 0 and left is not None:
            first = _matched_value(own, assigned.get(own), anew, emitter, machine)
            again = nodes.case((left, first), otherwise=again)
        found[name] = (
            nodes.case((up, fresh), (stay, again), otherwise=cleared)
            if level
            else nodes.case((stay, again), otherwise=cleared)
        )
    return {
        name: nodes.cast(node, seen.type.physical)
        for (_, _, seen), (name, node) in zip(machine.state_columns(level), found.items(), strict=True)
    }


def _matched_value(
    own: Column, value: Bound | None, values: dict[str, Value], emitter: Emitter, machine: _Machine
) -> E:
    """Return what a matched row has in a column: what the step assigns, else its own value, else the default."""
    if value is not None:
        return scalar(value, values, emitter)
    return machine.blank(own, emitter) if own in machine.declared else values[own.id].sql


def _matches(relation: Scanned, machine: _Machine, state: str, rows: str, needed: Needed) -> SelectBlock:
    """The rows that matched a step, for every step that shows them."""
    ids = sorted(needed & {column.id for column in relation.input.columns})
    shown = [column for column in machine.declared if column.id in needed]
    hidden = (relation.match, relation.number, relation.step)
    selects: list[exp.Select] = []
    for level, step in enumerate(machine.steps):
        if step.output == "none":
            continue
        seen = dict(machine.carried_columns(step))
        on = nodes.chain(
            "and",
            [_equal(PART), nodes.binary("=", _qualified_column("r", PLACE), _qualified_column("s", PLACE))],
        )
        block = SelectBlock(
            _alias_table(rows, "r"), joins=[exp.Join(this=_alias_table(state, "s"), on=on, kind="INNER")]
        )
        block.where.append(_qualified_column("s", f"hit{level}"))
        items: Items = [(one, _qualified_column("r", one)) for one in ids]
        items += [
            (column.id, _qualified_column("s", machine.state_column_name(level, seen[column])))
            for column in shown
        ]
        order = nodes.number(len(machine.steps) - level)
        items += zip(
            (column.id for column in hidden),
            (
                _qualified_column("s", f"match{level}"),
                _qualified_column("r", NUMBER),
                nodes.cast(order, "BIGINT"),
            ),
            strict=True,
        )
        select = block.select(items)
        selects.append(_select_last(select, level) if step.output == "last" else select)
    names = [*ids, *(column.id for column in shown), *(column.id for column in hidden)]
    if not selects:
        empty = SelectBlock(table(rows), where=[nodes.boolean(False)])
        return block_over(empty.select([(name, nodes.null(_kind(relation, name))) for name in names]), names)
    node: E = selects[0]
    for select in selects[1:]:
        node = exp.Union(this=node, expression=select, distinct=False)
    return SelectBlock(exp.Subquery(this=node), {name: Value(nodes.name(name)) for name in names})


def _kind(relation: Relation, name: str) -> KqlType:
    return next((column.type for column in relation.columns if column.id == name), KqlType.LONG)


def _select_last(select: exp.Select, level: int) -> exp.Select:
    """Of the rows that matched a step in one sequence, the last."""
    keys: Iterable[E] = (_qualified_column("s", PART), _qualified_column("s", f"match{level}"))
    number = nodes.window(
        nodes.call("row_number"), keys, [nodes.sort_key(_qualified_column("s", PLACE), ascending=False)]
    )
    select.set("qualify", exp.Qualify(this=nodes.binary("=", number, nodes.number(1))))
    return select
