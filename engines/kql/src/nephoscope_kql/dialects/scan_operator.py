"""The scan operator in SQL, as a recursive table over ordered rows."""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from nephoscope_kql.dialects.ordered_rows import (
    NUMBER,
    PART,
    PLACE,
    Items,
    add_items,
    alias_table,
    build_initial_value,
    build_partition_starts,
    build_qualified_column,
    coalesce_true,
    compare_with_state,
    join_following_row,
    make_table,
    number_rows,
)
from nephoscope_kql.dialects.relational import Emitter, Needed, writes
from nephoscope_kql.dialects.scalars import write_scalar_expression
from nephoscope_kql.dialects.select_block import SelectBlock, Value, make_block_over
from nephoscope_kql.plan.column_references import count_columns
from nephoscope_kql.plan.relations import BoundScanStep, Scanned
from nephoscope_kql.plan.values import Bound, Column, Relation
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import KqlType

E = exp.Expr


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

    def list_carried_columns(self, step: BoundScanStep) -> list[tuple[Column, Column]]:
        """The columns of a matched row that later rows read, and the declared ones, which the result shows."""
        return [(own, seen) for own, seen in step.seen if seen.id in self.reads or own in self.declared]

    def list_state_columns(self, level: int) -> list[tuple[BoundScanStep, Column, Column]]:
        """Return what the state of a step holds: (step, the row's column, its name in expressions) of all steps up to it."""
        return [
            (step, own, seen)
            for step in self.steps[: level + 1]
            for own, seen in self.list_carried_columns(step)
        ]

    def make_state_column_name(self, level: int, seen: Column) -> str:
        """The name of a value in the state of a step."""
        return f"v{level}_{seen.id}"

    def make_blank(self, own: Column, emitter: Emitter) -> E:
        """Return what a value is where no row has matched."""
        default = self.declared.get(own)
        return (
            build_initial_value(own.type)
            if default is None
            else write_scalar_expression(default, {}, emitter)
        )

    def map_values(self, level: int, row: dict[str, Value], state: int, emitter: Emitter) -> dict[str, Value]:
        """The columns of expressions of a step: the row's, and those of a state (-1 = none); later steps are blank."""
        found = dict(row)
        for step, own, seen in self.list_state_columns(level):
            known = self.steps.index(step) <= state
            sql = (
                nodes.build_name(self.make_state_column_name(state, seen))
                if known
                else self.make_blank(own, emitter)
            )
            found[seen.id] = Value(sql)
        return found


@writes(Scanned)
def write_scanned(relation: Scanned, needed: Needed, emitter: Emitter) -> SelectBlock:
    """Numbered rows, a recursive table of states, and the rows of the steps one after another."""
    machine = _Machine(relation, needed)
    rows, carried = _define_rows(relation, machine, needed, emitter)
    state = f"r{emitter.choose_fresh_name()}"
    names = [PART, PLACE, "last_match"]
    blanks: Items = [("last_match", nodes.build_cast(nodes.build_number(-1), "BIGINT"))]
    for level in range(len(machine.steps)):
        blanks += [
            (f"live{level}", nodes.build_boolean(False)),
            (f"match{level}", nodes.build_null(KqlType.LONG)),
            (f"hit{level}", nodes.build_boolean(False)),
        ]
        blanks += [
            (
                machine.make_state_column_name(level, seen),
                nodes.build_cast(machine.make_blank(own, emitter), own.type.physical),
            )
            for _, own, seen in machine.list_state_columns(level)
        ]
    names += [name for name, _ in blanks[1:]]
    step = _build_step(machine, state, rows, carried, names, emitter)
    emitter.share_recursive(state, names, build_partition_starts(rows, blanks), step)
    return _matches(relation, machine, state, rows, needed)


def _define_rows(
    relation: Scanned, machine: _Machine, needed: Needed, emitter: Emitter
) -> tuple[str, list[str]]:
    """The numbered rows, and which of their columns the steps read."""
    own = {column.id for column in relation.input.columns}
    stepwise = [
        own_.id for step in machine.steps for own_, _ in machine.list_carried_columns(step) if own_.id in own
    ]
    read = sorted(own & {*machine.reads, *stepwise})
    passing = frozenset((needed & own) | set(read))
    block = emitter.write_block_over(relation.input, passing, relation.partition, before_where=True)
    ids = sorted(passing & block.values.keys())
    parts = [emitter.write_scalar(value, block) for value in relation.partition]
    keys = emitter.write_keys(relation.input.order, block)
    return number_rows(block, block.list_columns(ids), parts, keys, emitter), read


def _build_step(
    machine: _Machine, state: str, rows: str, carried: list[str], names: list[str], emitter: Emitter
) -> exp.Select:
    """From the state after a row to that after the next: which steps match by promotion, which by staying, then the new values."""
    row = {one: Value(nodes.build_name(one)) for one in carried}
    items: Items = [(name, build_qualified_column("s", name)) for name in names[2:]]
    block = join_following_row(
        state, rows, [*items, *((one, build_qualified_column("r", one)) for one in carried)]
    )
    count = len(machine.steps)
    promoted: Items = []
    for level in range(1, count):
        values = machine.map_values(level, row, level - 1, emitter)
        holds = coalesce_true(write_scalar_expression(machine.steps[level].condition, values, emitter))
        promoted.append(
            (f"up{level}", nodes.build_binary("and", nodes.build_name(f"live{level - 1}"), holds))
        )
    block = add_items(block, promoted)
    stayed: Items = []
    for level in range(count):
        stayed.append((f"stay{level}", _build_repeated_match(machine, level, row, emitter)))
    block = add_items(block, stayed)
    return block.build_select(_build_next_state(machine, row, names, emitter))


def _has_step_advanced(machine: _Machine, level: int) -> E | None:
    """Return whether the sequence at a step went on to the next one; None for the last step."""
    return nodes.build_name(f"up{level + 1}") if level + 1 < len(machine.steps) else None


def _build_repeated_match(machine: _Machine, level: int, row: dict[str, Value], emitter: Emitter) -> E:
    """Return whether the row matches a step again, or the first one anew."""
    step, gone = machine.steps[level], _has_step_advanced(machine, level)
    again = coalesce_true(
        write_scalar_expression(step.condition, machine.map_values(level, row, level, emitter), emitter)
    )
    if level == 0:
        if gone is None:
            return again
        anew = coalesce_true(
            write_scalar_expression(step.condition, machine.map_values(level, row, -1, emitter), emitter)
        )
        return nodes.build_case((gone, anew), otherwise=again)
    parts = [nodes.build_not(nodes.build_name(f"up{level}")), nodes.build_name(f"live{level}"), again]
    if gone is not None:
        parts.insert(0, nodes.build_not(gone))
    return nodes.build_chain("and", parts)


def _build_next_state(machine: _Machine, row: dict[str, Value], names: list[str], emitter: Emitter) -> Items:
    """The new state, in the order of its names."""
    stay, gone = nodes.build_name("stay0"), _has_step_advanced(machine, 0)
    empty = nodes.build_not(nodes.build_name("live0"))
    if gone is not None:
        empty = nodes.build_binary("or", empty, gone)
    begins = nodes.build_binary("and", stay, empty)
    last = nodes.build_binary(
        "+",
        nodes.build_name("last_match"),
        nodes.build_case((begins, nodes.build_number(1)), otherwise=nodes.build_number(0)),
    )
    found: dict[str, E] = {PART: nodes.build_name(PART), PLACE: nodes.build_name(PLACE), "last_match": last}
    for level in range(len(machine.steps)):
        up: E = nodes.build_name(f"up{level}") if level else nodes.build_boolean(False)
        hit = nodes.build_binary("or", up, nodes.build_name(f"stay{level}"))
        left = _has_step_advanced(machine, level)
        cleared = nodes.build_boolean(False) if left is None else left
        kept_alive = nodes.build_binary("and", nodes.build_name(f"live{level}"), nodes.build_not(cleared))
        found[f"hit{level}"] = hit
        found[f"live{level}"] = nodes.build_binary("or", hit, kept_alive)
        own_match: E = nodes.build_name(f"match{level}")
        if level:
            match = nodes.build_case((up, nodes.build_name(f"match{level - 1}")), otherwise=own_match)
        else:
            match = nodes.build_case((begins, last), otherwise=own_match)
        found[f"match{level}"] = match
        found.update(_write_next_state_values(machine, level, row, emitter))
    return [(name, found[name]) for name in names]


def _write_next_state_values(
    machine: _Machine, level: int, row: dict[str, Value], emitter: Emitter
) -> dict[str, E]:
    """The values in a step's state: of earlier steps as they were promoted, of its own from the row that matched."""
    step, left = machine.steps[level], _has_step_advanced(machine, level)
    up: E = nodes.build_name(f"up{level}") if level else nodes.build_boolean(False)
    stay = nodes.build_name(f"stay{level}")
    promoted = machine.map_values(level, row, level - 1, emitter)
    stayed = machine.map_values(level, row, level, emitter)
    anew = machine.map_values(level, row, -1, emitter)
    assigned = dict(step.assigned)
    found: dict[str, E] = {}
    for owner, own, seen in machine.list_state_columns(level):
        name = machine.make_state_column_name(level, seen)
        old: E = nodes.build_name(name)
        cleared = (
            old if left is None else nodes.build_case((left, machine.make_blank(own, emitter)), otherwise=old)
        )
        if owner is not step:
            before = nodes.build_name(machine.make_state_column_name(level - 1, seen))
            found[name] = nodes.build_case((up, before), (stay, old), otherwise=cleared)
            continue
        fresh = _build_matched_value(own, assigned.get(own), promoted, emitter, machine)
        again = _build_matched_value(own, assigned.get(own), stayed, emitter, machine)
        if level == 0 and left is not None:
            first = _build_matched_value(own, assigned.get(own), anew, emitter, machine)
            again = nodes.build_case((left, first), otherwise=again)
        found[name] = (
            nodes.build_case((up, fresh), (stay, again), otherwise=cleared)
            if level
            else nodes.build_case((stay, again), otherwise=cleared)
        )
    return {
        name: nodes.build_cast(node, seen.type.physical)
        for (_, _, seen), (name, node) in zip(machine.list_state_columns(level), found.items(), strict=True)
    }


def _build_matched_value(
    own: Column, value: Bound | None, values: dict[str, Value], emitter: Emitter, machine: _Machine
) -> E:
    """Return what a matched row has in a column: what the step assigns, else its own value, else the default."""
    if value is not None:
        return write_scalar_expression(value, values, emitter)
    return machine.make_blank(own, emitter) if own in machine.declared else values[own.id].sql


def _matches(relation: Scanned, machine: _Machine, state: str, rows: str, needed: Needed) -> SelectBlock:
    """The rows that matched a step, for every step that shows them."""
    ids = sorted(needed & {column.id for column in relation.input.columns})
    shown = [column for column in machine.declared if column.id in needed]
    hidden = (relation.match, relation.number, relation.step)
    selects: list[exp.Select] = []
    for level, step in enumerate(machine.steps):
        if step.output == "none":
            continue
        seen = dict(machine.list_carried_columns(step))
        on = nodes.build_chain(
            "and",
            [
                compare_with_state(PART),
                nodes.build_binary(
                    "=", build_qualified_column("r", PLACE), build_qualified_column("s", PLACE)
                ),
            ],
        )
        block = SelectBlock(
            alias_table(rows, "r"), joins=[exp.Join(this=alias_table(state, "s"), on=on, kind="INNER")]
        )
        block.where.append(build_qualified_column("s", f"hit{level}"))
        items: Items = [(one, build_qualified_column("r", one)) for one in ids]
        items += [
            (column.id, build_qualified_column("s", machine.make_state_column_name(level, seen[column])))
            for column in shown
        ]
        order = nodes.build_number(len(machine.steps) - level)
        items += zip(
            (column.id for column in hidden),
            (
                build_qualified_column("s", f"match{level}"),
                build_qualified_column("r", NUMBER),
                nodes.build_cast(order, "BIGINT"),
            ),
            strict=True,
        )
        select = block.build_select(items)
        selects.append(_select_last_matches(select, level) if step.output == "last" else select)
    names = [*ids, *(column.id for column in shown), *(column.id for column in hidden)]
    if not selects:
        empty = SelectBlock(make_table(rows), where=[nodes.build_boolean(False)])
        return make_block_over(
            empty.build_select([(name, nodes.build_null(_find_type(relation, name))) for name in names]),
            names,
        )
    node: E = selects[0]
    for select in selects[1:]:
        node = exp.Union(this=node, expression=select, distinct=False)
    return SelectBlock(exp.Subquery(this=node), {name: Value(nodes.build_name(name)) for name in names})


def _find_type(relation: Relation, name: str) -> KqlType:
    return next((column.type for column in relation.columns if column.id == name), KqlType.LONG)


def _select_last_matches(select: exp.Select, level: int) -> exp.Select:
    """Of the rows that matched a step in one sequence, the last."""
    keys: Iterable[E] = (build_qualified_column("s", PART), build_qualified_column("s", f"match{level}"))
    number = nodes.build_window(
        nodes.build_call("row_number"),
        keys,
        [nodes.sort_key(build_qualified_column("s", PLACE), ascending=False)],
    )
    select.set("qualify", exp.Qualify(this=nodes.build_binary("=", number, nodes.build_number(1))))
    return select
