"""One row of each kind of relation, made from rows of its inputs."""

from __future__ import annotations

import dataclasses
from typing import Any

import kql_satisfy_groups  # noqa: F401 - its rows register themselves
from kql_satisfy_conditions import alike, chain
from kql_satisfy_maker import ROWS, Cell, Derived, Fixed, GivenUpError, Maker, Row, registered
from kql_satisfy_slots import OPEN
from kql_satisfy_values import element

from nephoscope_kql.plan import expressions as bound
from nephoscope_kql.plan import relations
from nephoscope_kql.plan.values import Bound, Column, Relation
from nephoscope_kql.types import KqlType


class Opened(dict[str, Cell]):
    """A stored row whose cells open when they are first asked for."""

    def __init__(self, maker: Maker, relation: relations.TableScan) -> None:
        super().__init__()
        self.maker = maker
        self.kinds = {column.id: (column.name, str(column.type)) for column in relation.columns}
        self.stored = maker.stored_row(relation.table.name)

    def __missing__(self, key: str) -> Cell:
        name, kind = self.kinds[key]
        slot = self.maker.slot(kind)
        self[key] = slot
        self.stored[name] = slot
        return slot

    def __or__(self, other: Any) -> Any:
        return Layered(self, dict(other))


class Layered(dict[str, Cell]):
    """A row over another one: its own cells first."""

    def __init__(self, below: Row, own: Row) -> None:
        super().__init__(own)
        self.below = below

    def __missing__(self, key: str) -> Cell:
        return self.below[key]

    def __or__(self, other: Any) -> Any:
        return Layered(self, dict(other))


@registered(ROWS, relations.TableScan)
def scan(maker: Maker, relation: relations.TableScan) -> Row:
    return Opened(maker, relation)


@registered(ROWS, relations.Rows)
def given(maker: Maker, relation: relations.Rows) -> Row:
    """One of the rows that the query spells out."""
    if not relation.rows:
        raise GivenUpError("no rows are given")
    maker.first += 1
    at = (maker.seed + maker.first) % len(relation.rows)
    cells: Row = {
        column.id: Derived(cell, {}) for column, cell in zip(relation.columns, relation.rows[at], strict=True)
    }
    return cells | {relation.ordinal.id: Fixed(at)}


@registered(ROWS, relations.Numbers)
def numbers(maker: Maker, relation: relations.Numbers) -> Row:
    return {relation.columns[0].id: Derived(relation.low, {})}


@registered(ROWS, relations.Filter)
def filtered(maker: Maker, relation: relations.Filter) -> Row:
    """A row that meets every part of the condition; the part that is to fail fails."""
    row = maker.row(relation.input)
    place = maker.filters.setdefault(id(relation), len(maker.filters))
    for at, part in enumerate(chain_of_and(relation.predicate)):
        maker.conjuncts[place, at] = type(part).__name__
        flag = maker.broken != (place, at)
        if not maker.attempt(lambda part=part, flag=flag: maker.require(part, flag, row)):
            maker.note(described(part))
    return row


def chain_of_and(predicate: Bound) -> list[Bound]:
    is_and = isinstance(predicate, bound.BoundCall) and predicate.function.name == "and"
    return chain(predicate, "and") if is_and else [predicate]


def described(value: Bound) -> str:
    """A condition in a few words: its functions from the outside in."""
    if isinstance(value, bound.BoundCall):
        inside = ", ".join(described(one) for one in value.arguments[:3])
        return f"{value.function.name}({inside})"
    return type(value).__name__


@registered(ROWS, relations.Assign)
def assigned(maker: Maker, relation: relations.Assign) -> Row:
    row = maker.row(relation.input)
    return Layered(row, {column.id: Derived(value, row) for column, value in relation.assigned})


@registered(ROWS, relations.Joined)
def joined(maker: Maker, relation: relations.Joined) -> Row:
    """A pair with equal keys; for the kinds that want no match, one side alone."""
    if relation.kind in ("leftanti", "rightanti"):
        return maker.row(relation.left if relation.kind == "leftanti" else relation.right)
    alone = {"leftouter": (relation.left, relation.right), "rightouter": (relation.right, relation.left)}
    if relation.kind in alone and maker.seed % 3 == 2:
        kept, lost = alone[relation.kind]
        return Layered(maker.row(kept), {column.id: Fixed(blank(column.type)) for column in lost.columns})
    left = maker.row(relation.left)
    right = maker.row(relation.right)
    for one, two in relation.keys:
        if not alike(maker, one, left, two, right):
            maker.note(f"join on {described(one)} and {described(two)}")
    both = Layered(right, {}) if relation.kind == "rightsemi" else Pair(left, right)
    if relation.residual is not None and not maker.require(relation.residual, True, both):
        maker.note("join condition")
    return both


class Pair(Layered):
    """The cells of two rows."""

    def __init__(self, left: Row, right: Row) -> None:
        super().__init__(left, {})
        self.right = right

    def __missing__(self, key: str) -> Cell:
        try:
            return self.below[key]
        except KeyError:
            return self.right[key]


def blank(kind: KqlType) -> Any:
    return "" if kind == KqlType.STRING else None


@registered(ROWS, relations.Concatenated)
def concatenated(maker: Maker, relation: relations.Concatenated) -> Row:
    """A row of the first part that can have one, in the attempt's order; one in which nothing failed is preferred."""
    places = maker.turned(list(range(len(relation.inputs))))
    for clean in (True, False):
        for place in places:
            mark, failed = len(maker.trail), len(maker.failed)
            try:
                row = maker.row(relation.inputs[place])
            except GivenUpError:
                maker.back(mark)
                continue
            if clean and len(maker.failed) > failed:
                maker.back(mark)
                continue
            fills = zip(relation.filled_columns, relation.fills[place], strict=True)
            return {column.id: Derived(fill, row) for column, fill in fills}
    raise GivenUpError("no part of the union")


@registered(ROWS, relations.Expanded)
def expanded(maker: Maker, relation: relations.Expanded) -> Row:
    row = maker.row(relation.input)
    cells: Row = {relation.position.id: Fixed(0)}
    for one in relation.expansions:
        cell = element(maker, one.value, row)
        cells[one.column.id] = Fixed(OPEN) if cell is None else cell
    return Layered(row, cells)


@registered(ROWS, relations.Shared)
def shared(maker: Maker, relation: relations.Shared) -> Row:
    row = maker.row(relation.input)
    pairs = zip(relation.columns, relation.input.columns, strict=True)
    return {
        column.id: Derived(bound.ColumnRef(type=inner.type, column=inner), row) for column, inner in pairs
    }


@registered(ROWS, relations.Numbered)
def numbered(maker: Maker, relation: relations.Numbered) -> Row:
    return Layered(maker.row(relation.input), {relation.number.id: Fixed(1)})


@registered(ROWS, relations.Windowed)
def windowed(maker: Maker, relation: relations.Windowed) -> Row:
    """The first row of a window: what it says of others is not known, its number is 1."""
    first = {"row_number": 1, "row_rank_dense": 1, "row_rank_min": 1}.get(relation.call.function, OPEN)
    return Layered(maker.row(relation.input), {relation.column.id: Fixed(first)})


@registered(ROWS, Relation)
def passing(maker: Maker, relation: Relation) -> Row:
    """Relations that keep their input's rows; the cells that they add are not known."""
    below = getattr(relation, "input", None)
    if not isinstance(below, Relation):
        raise GivenUpError(type(relation).__name__)
    row = maker.row(below)
    known = {column.id for column in below.columns}
    fields = [getattr(relation, one.name) for one in dataclasses.fields(relation)]
    added = [one for one in (*relation.columns, *fields) if isinstance(one, Column) and one.id not in known]
    return Layered(row, {column.id: Fixed(OPEN) for column in added})
