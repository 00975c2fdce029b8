"""The witness: runs the bound tree of a query row by row, in plain Python with no SQL in it. Small and slow; used only by tests.

`Witness(tables, now).rows(relation)` gives a Result as an engine should. What it does not know raises UnwitnessedError with the name,
so that a test can count what was compared and what was not.
"""

from __future__ import annotations

import math
import random
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import rowwise_addresses  # noqa: F401 - the functions of these modules register themselves
import rowwise_dynamic  # noqa: F401
import rowwise_elementwise  # noqa: F401
import rowwise_measures  # noqa: F401
import rowwise_parsing  # noqa: F401
import rowwise_readers  # noqa: F401
import rowwise_series_values  # noqa: F401
import rowwise_text  # noqa: F401
import rowwise_times  # noqa: F401
from kql_compare import Result
from rowwise_aggregates import AGGREGATES
from rowwise_functions import FUNCTIONS, equal
from rowwise_mining import MINERS
from rowwise_values import UnwitnessedError, element, json_text, parsed

from nephoscope_kql.plan import expressions as bound
from nephoscope_kql.plan import relations
from nephoscope_kql.plan.values import Bound, Constant, Relation
from nephoscope_kql.types import KqlType

Row: TypeAlias = "dict[str, Any]"
"""Column id -> cell."""


def blank(kind: KqlType) -> Any:
    """What a column holds where no row fills it: strings are never null."""
    return "" if kind == KqlType.STRING else None


@dataclass
class Witness:
    """Evaluates over `tables` (name -> Result) at the time `now` (ticks); `variables` are the values of query parameters.

    What the language leaves open (which of several rows with one key innerunique keeps, which of equal ones stand before a limit, what
    rand() gives, in which order prev() and its kin meet equal rows) is the first, or with `dice` any; `free` says afterwards that
    there was a choice, `ties` that rows were sorted that the order does not tell apart.
    """

    tables: Mapping[str, Result]
    now: int
    variables: Mapping[str, Any] = field(default_factory=dict)
    shared: dict[str, list[Row]] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    dice: random.Random | None = None
    free: bool = False
    ties: bool = False

    def result(self, relation: Relation) -> Result:
        """The rows of a bound query under its KQL names."""
        rows = self.rows(relation)
        columns = tuple((column.name, str(column.type)) for column in relation.columns)
        return Result(columns, tuple(tuple(row[column.id] for column in relation.columns) for row in rows))

    # scalar expressions

    def value(self, node: Bound, row: Row) -> Any:
        """An expression's cell on one row."""
        if isinstance(node, Constant):
            return blank(node.type) if node.value is None else node.value
        if isinstance(node, bound.Variable):
            return self.now if node.name == "now" else self.variables[node.name]
        if isinstance(node, bound.ColumnRef):
            return row[node.column.id]
        if isinstance(node, bound.BoundCall):
            return self._call(node, row)
        if isinstance(node, bound.DynamicPath):
            return self._path(node, row)
        if isinstance(node, bound.ScalarQuery):
            rows = self.rows(node.relation)
            return rows[0][node.column.id] if rows else blank(node.type)
        if isinstance(node, bound.InQuery):
            return self._in_query(node, row)
        raise UnwitnessedError(type(node).__name__)

    def _call(self, node: bound.BoundCall, row: Row) -> Any:
        if node.function.name in CHANCE:
            self.free = True
            size = self.value(node.arguments[0], row) if node.arguments else None
            return CHANCE[node.function.name](self.dice or random.Random(0), size)
        body = FUNCTIONS.get(node.function.name)
        if body is None:
            raise UnwitnessedError(f"{node.function.name}()")
        return body([self.value(argument, row) for argument in node.arguments], node, self.now)

    def _path(self, node: bound.DynamicPath, row: Row) -> Any:
        value = self.value(node.target, row)
        for step in node.steps:
            key = self.value(step, row) if isinstance(step, Bound) else step
            value = member(value, key)
        return value

    def _in_query(self, node: bound.InQuery, row: Row) -> Any:
        operand = self.value(node.operand, row)
        items = [other[node.column.id] for other in self.rows(node.relation)]
        if node.insensitive:
            found = str(operand).lower() in [str(item).lower() for item in items]
        else:
            found = any(equal(operand, item) for item in items)
        return found != node.negated

    # relations

    def rows(self, relation: Relation) -> list[Row]:
        """The rows of a relation, in its order."""
        body = RELATIONS.get(type(relation))
        if body is None:
            raise UnwitnessedError(type(relation).__name__)
        found: list[Row] = body(self, relation)
        return found


def member(value: Any, key: Any) -> Any:
    """A property of a bag or an element of an array (from the end where negative); null where there is none."""
    if isinstance(value, dict) and isinstance(key, str):
        return value.get(key)
    if isinstance(value, list) and isinstance(key, int) and not isinstance(key, bool):
        return value[key] if -len(value) <= key < len(value) else None
    return None


CHANCE: dict[str, Callable[[random.Random, Any], Any]] = {
    "rand": lambda dice, size: float(dice.randrange(int(size))) if size and size > 1 else dice.random(),
    "new_guid": lambda dice, _: str(uuid.UUID(int=dice.getrandbits(128), version=4)),
}
RELATIONS: dict[type[Relation], Callable[[Witness, Any], list[Row]]] = {}


def runs(kind: type[Relation]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def declare(body: Callable[..., Any]) -> Callable[..., Any]:
        RELATIONS[kind] = body
        return body

    return declare


@runs(relations.TableScan)
def scan(witness: Witness, relation: relations.TableScan) -> list[Row]:
    table = witness.tables[relation.table.name]
    places = {name: at for at, (name, _) in enumerate(table.columns)}
    wanted = [(column.id, places.get(column.name), column.type) for column in relation.columns]
    if relation.ingested is not None:
        wanted.append((relation.ingested.id, places[relation.table.ingested], relation.ingested.type))
    return [
        {id_: blank(kind) if at is None else stored(kind, row[at]) for id_, at, kind in wanted}
        for row in table.rows
    ]


def stored(kind: KqlType, cell: Any) -> Any:
    """A stored cell: a dynamic is a text, JSON or not."""
    return parsed(cell) if kind == KqlType.DYNAMIC and isinstance(cell, str) else cell


@runs(relations.Rows)
def given(witness: Witness, relation: relations.Rows) -> list[Row]:
    return [
        {column.id: witness.value(cell, {}) for column, cell in zip(relation.columns, row, strict=True)}
        | {relation.ordinal.id: at}
        for at, row in enumerate(relation.rows)
    ]


@runs(relations.Numbers)
def numbers(witness: Witness, relation: relations.Numbers) -> list[Row]:
    low, high, step = (witness.value(node, {}) for node in (relation.low, relation.high, relation.step))
    column = relation.columns[0]
    if None in (low, high, step) or step == 0:
        return []
    size = math.floor((high - low) / step) + 1
    return [{column.id: low + at * step} for at in range(size)]


@runs(relations.Filter)
def filtered(witness: Witness, relation: relations.Filter) -> list[Row]:
    return [row for row in witness.rows(relation.input) if witness.value(relation.predicate, row) is True]


@runs(relations.Assign)
def assigned(witness: Witness, relation: relations.Assign) -> list[Row]:
    return [
        row | {column.id: witness.value(value, row) for column, value in relation.assigned}
        for row in witness.rows(relation.input)
    ]


def group_key(kind: KqlType, cell: Any) -> str:
    """A text that equal keys share: NaN is one key, -0.0 is 0.0."""
    return json_text(element(str(kind), 0.0 if kind == KqlType.REAL and cell == 0 else cell))


@runs(relations.Aggregated)
def aggregated(witness: Witness, relation: relations.Aggregated) -> list[Row]:
    groups: dict[tuple[str, ...], tuple[list[Any], list[Row]]] = {}
    for row in witness.rows(relation.input):
        cells = [witness.value(value, row) for _, value in relation.groups]
        key = tuple(
            group_key(column.type, cell) for (column, _), cell in zip(relation.groups, cells, strict=True)
        )
        groups.setdefault(key, (cells, []))[1].append(row)
    if not relation.groups and not groups:
        groups[()] = ([], [])
    found = []
    for cells, rows in groups.values():
        keys = {column.id: cell for (column, _), cell in zip(relation.groups, cells, strict=True)}
        found.append(
            keys | {column.id: aggregate(witness, call, rows) for column, call in relation.aggregates}
        )
    return found


def aggregate(witness: Witness, call: bound.AggregateCall, rows: list[Row]) -> Any:
    body = AGGREGATES.get(call.aggregate.name)
    if body is None:
        raise UnwitnessedError(f"aggregate {call.aggregate.name}()")
    return body([[witness.value(argument, row) for argument in call.arguments] for row in rows], call)


@runs(relations.Joined)
def joined(witness: Witness, relation: relations.Joined) -> list[Row]:
    left, right = witness.rows(relation.left), witness.rows(relation.right)
    if relation.kind == "innerunique":
        left = one_of_each(witness, left, [one for one, _ in relation.keys])
    pairs = [(one, other) for one in left for other in right if meets(witness, relation, one, other)]
    used_left, used_right = {id(one) for one, _ in pairs}, {id(other) for _, other in pairs}
    kind = relation.kind
    if kind in ("leftsemi", "leftanti"):
        return [row for row in left if (id(row) in used_left) == (kind == "leftsemi")]
    if kind in ("rightsemi", "rightanti"):
        return [row for row in right if (id(row) in used_right) == (kind == "rightsemi")]
    found = [one | other for one, other in pairs]
    if kind in ("leftouter", "fullouter"):
        found += [row | blanks(relation.right) for row in left if id(row) not in used_left]
    if kind in ("rightouter", "fullouter"):
        found += [blanks(relation.left) | row for row in right if id(row) not in used_right]
    return found


def meets(witness: Witness, relation: relations.Joined, one: Row, other: Row) -> bool:
    """Keys equal (null equals null) and the residual true."""
    for left, right in relation.keys:
        mine, yours = witness.value(left, one), witness.value(right, other)
        if group_key(left.type, mine) != group_key(right.type, yours):
            return False
    return relation.residual is None or witness.value(relation.residual, one | other) is True


def first_of_each(witness: Witness, rows: list[Row], keys: list[Bound]) -> list[Row]:
    found: dict[tuple[str, ...], Row] = {}
    for row in rows:
        found.setdefault(tuple(group_key(key.type, witness.value(key, row)) for key in keys), row)
    return list(found.values())


def one_of_each(witness: Witness, rows: list[Row], keys: list[Bound]) -> list[Row]:
    """A row of each key, in the order of the first ones."""
    found: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        key = tuple(group_key(one.type, witness.value(one, row)) for one in keys)
        found.setdefault(key, []).append(row)
    witness.free |= any(len(several) > 1 for several in found.values())
    return [witness.dice.choice(several) if witness.dice else several[0] for several in found.values()]


def blanks(relation: Relation) -> Row:
    return {column.id: blank(column.type) for column in relation.columns}


@runs(relations.Concatenated)
def concatenated(witness: Witness, relation: relations.Concatenated) -> list[Row]:
    return [
        {
            column.id: witness.value(fill, row)
            for column, fill in zip(relation.filled_columns, fills, strict=True)
        }
        for part, fills in zip(relation.inputs, relation.fills, strict=True)
        for row in witness.rows(part)
    ]


@runs(relations.Numbered)
def numbered(witness: Witness, relation: relations.Numbered) -> list[Row]:
    counts: dict[tuple[str, ...], int] = {}
    found = []
    for row in witness.rows(relation.input):
        key = tuple(group_key(one.type, witness.value(one, row)) for one in relation.partition)
        counts[key] = counts.get(key, 0) + 1
        found.append(row | {relation.number.id: counts[key]})
    return found


@runs(relations.FirstOf)
def first_of(witness: Witness, relation: relations.FirstOf) -> list[Row]:
    return first_of_each(witness, witness.rows(relation.input), list(relation.keys))


@runs(relations.Shared)
def shared(witness: Witness, relation: relations.Shared) -> list[Row]:
    if relation.name not in witness.shared:
        witness.shared[relation.name] = witness.rows(relation.input)
    pairs = [
        (column.id, stored_.id)
        for column, stored_ in zip(relation.columns, relation.input.columns, strict=True)
    ]
    pairs += [(own.id, stored_.id) for own, stored_ in relation.hidden]
    return [{own: row[stored_] for own, stored_ in pairs} for row in witness.shared[relation.name]]


from rowwise_expanding import expanded  # noqa: E402 - they use what is above
from rowwise_ordering import limited, sorted_  # noqa: E402
from rowwise_series import series  # noqa: E402
from rowwise_sources import external  # noqa: E402
from rowwise_steps import scanned  # noqa: E402
from rowwise_windows import windowed  # noqa: E402

RELATIONS |= {
    relations.Expanded: expanded,
    relations.External: external,
    relations.Limited: limited,
    relations.Scanned: scanned,
    relations.Series: series,
    relations.Sorted: sorted_,
    relations.Windowed: windowed,
}


@dataclass
class WitnessProbe:
    """Shows a binder the rows that plugins have to see."""

    witness: Witness

    def rows(self, relation: Relation) -> list[tuple[Any, ...]]:
        return [tuple(row[column.id] for column in relation.columns) for row in self.witness.rows(relation)]

    def keep(self, relation: Relation) -> Relation:
        return relation


def coded(kind: KqlType, cell: Any) -> Any:
    """A cell as it is stored: a dynamic is a text."""
    return json_text(cell) if kind == KqlType.DYNAMIC and cell is not None else cell


@runs(relations.Mined)
def mined(witness: Witness, relation: relations.Mined) -> list[Row]:
    rows = [
        [coded(value.type, witness.value(value, row)) for value in relation.values]
        for row in witness.rows(relation.input)
    ]
    found = MINERS[relation.name](rows, *relation.settings)
    return [
        {column.id: stored(column.type, cell) for column, cell in zip(relation.columns, row, strict=True)}
        for row in found
    ]
