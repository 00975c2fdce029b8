"""What rows a query needs: the state of making them, and what a cell of a relation's row stands for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from kql_satisfy_slots import NOW, OPEN, Slot, Trail, Want
from rowwise_functions import FUNCTIONS

from nephoscope_kql.plan import expressions as bound
from nephoscope_kql.plan.values import Bound, Constant, Relation

MOST_ROWS = 4_000
"""How many rows of all tables together one attempt makes."""


class GivenUpError(Exception):
    """No rows are found for a relation."""


@dataclass(frozen=True)
class Fixed:
    """A cell whose value is known."""

    value: Any


@dataclass(frozen=True)
class Derived:
    """A cell that an expression makes of a row."""

    value: Bound
    row: Row


@dataclass(eq=False)
class Group:
    """The rows of one group; `more` makes another one with the same keys."""

    rows: list[Row]
    more: Callable[[], Row]

    def grow(self, size: int) -> None:
        while len(self.rows) < size:
            self.rows.append(self.more())


@dataclass(frozen=True)
class Aggregate:
    """A cell that an aggregate makes of a group."""

    call: bound.AggregateCall
    group: Group


Cell: TypeAlias = "Slot | Fixed | Derived | Aggregate"
Row: TypeAlias = "dict[str, Cell]"
Conjunct: TypeAlias = "tuple[int, int]"
"""A condition of a query: the filter by its place in the walk, the part of its conjunction."""


@dataclass(eq=False)
class Maker:
    """Makes rows. `seed` turns the choices; `broken` is the one condition that is to fail; `first` numbers the cells."""

    seed: int
    broken: Conjunct | None = None
    first: int = 0
    deadline: float = 0.0
    tables: dict[str, list[dict[str, Slot]]] = field(default_factory=dict)
    trail: Trail = field(default_factory=list)
    filters: dict[int, int] = field(default_factory=dict)
    conjuncts: dict[Conjunct, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    size: int = 0
    depth: int = 0

    def slot(self, kind: str) -> Slot:
        self.first += 1
        return Slot(kind, self.first, self.trail)

    def turned(self, items: list[Any]) -> list[Any]:
        """The alternatives in this attempt's order."""
        at = self.seed % len(items) if items else 0
        return items[at:] + items[:at]

    def attempt(self, body: Callable[[], bool]) -> bool:
        """Do something; take it back where it fails."""
        mark = len(self.trail)
        try:
            done = body()
        except GivenUpError:
            done = False
        if not done:
            self.back(mark)
        return done

    def back(self, mark: int) -> None:
        while len(self.trail) > mark:
            self.trail.pop()()

    def note(self, text: str) -> None:
        self.failed.append(text)
        self.trail.append(self.failed.pop)

    def stored_row(self, table: str) -> dict[str, Slot]:
        """A new row of a table."""
        if self.size >= MOST_ROWS or (self.deadline and time.monotonic() > self.deadline):
            raise GivenUpError("too many rows")
        row: dict[str, Slot] = {}
        rows = self.tables.setdefault(table, [])
        rows.append(row)
        self.size += 1

        def gone() -> None:
            rows.pop()
            self.size -= 1

        self.trail.append(gone)
        return row

    # what is wired in by the files of conditions and of relations

    def row(self, relation: Relation) -> Row:
        """One row of a relation; GivenUpError where none is found."""
        body = ROWS.get(type(relation), ROWS.get(Relation))
        if body is None or self.depth > 150:
            raise GivenUpError(type(relation).__name__)
        self.depth += 1
        try:
            return body(self, relation)
        finally:
            self.depth -= 1

    def require(self, value: Bound, flag: bool, row: Row) -> bool:
        """Make a condition true (or false) on a row; False where that is not known how."""
        if isinstance(value, bound.BoundCall) and value.function.name in CONDITIONS:
            return CONDITIONS[value.function.name](self, value, flag, row)
        if isinstance(value, bound.InQuery):
            return CONDITIONS["in query"](self, value, flag, row)
        return self.give(value, Want((lambda found: (found is True) == flag,), (flag,)), row)

    def give(self, value: Bound, want: Want, row: Row) -> bool:
        """Make an expression's value meet a want; False where that is not known how."""
        if isinstance(value, bound.ColumnRef):
            return self.give_cell(row[value.column.id], want)
        if isinstance(value, bound.DynamicPath):
            return GIVERS["path"](self, value, want, row)
        if isinstance(value, bound.BoundCall):
            giver = GIVERS.get(value.function.name)
            if giver is not None and giver(self, value, want, row):
                return True
            if giver is None and value.function.name in CONDITIONS:
                flags = [flag for flag in (True, False) if want.passes(flag)]
                return any(self.attempt(lambda flag=flag: self.require(value, flag, row)) for flag in flags)  # type: ignore[misc]
        return want.passes(self.fix(value, row))

    def give_cell(self, cell: Cell, want: Want) -> bool:
        if isinstance(cell, Slot):
            return cell.found().ask(want)
        if isinstance(cell, Fixed):
            return want.passes(cell.value)
        if isinstance(cell, Derived):
            return self.give(cell.value, want, cell.row)
        giver = AGGREGATE_GIVERS.get(cell.call.aggregate.name)
        return giver is not None and bool(giver(self, cell, want))

    def fix(self, value: Bound, row: Row) -> Any:
        """Decide an expression's value; OPEN where it cannot be told."""
        if isinstance(value, Constant):
            return "" if value.value is None and value.type == "string" else value.value
        if isinstance(value, bound.Variable):
            return NOW
        if isinstance(value, bound.ColumnRef):
            return self.fix_cell(row[value.column.id])
        if isinstance(value, bound.ScalarQuery):
            return self.fix_cell(self.row(value.relation)[value.column.id])
        if isinstance(value, bound.DynamicPath):
            return self._fix_path(value, row)
        if not isinstance(value, bound.BoundCall) or value.function.name not in FUNCTIONS:
            return OPEN
        cells = [self.fix(argument, row) for argument in value.arguments]
        return OPEN if any(cell is OPEN for cell in cells) else self._computed(value, cells)

    def _computed(self, value: bound.BoundCall, cells: list[Any]) -> Any:
        try:
            return FUNCTIONS[value.function.name](cells, value, NOW)
        except Exception:  # noqa: BLE001 - a value that a function cannot take says nothing about the rows
            return OPEN

    def _fix_path(self, value: bound.DynamicPath, row: Row) -> Any:
        from rowwise import member

        slot = GIVERS["document"](self, value, row)
        if isinstance(slot, Slot):
            return slot.fix()
        found = self.fix(value.target, row)
        for step in value.steps:
            key = self.fix(step, row) if isinstance(step, Bound) else step
            found = OPEN if found is OPEN or key is OPEN else member(found, key)
        return found

    def fix_cell(self, cell: Cell) -> Any:
        if isinstance(cell, Slot):
            return cell.found().fix()
        if isinstance(cell, Fixed):
            return cell.value
        if isinstance(cell, Derived):
            return self.fix(cell.value, cell.row)
        name, rows = cell.call.aggregate.name, cell.group.rows
        if name == "count":
            return len(rows)
        arguments = cell.call.arguments
        if name in ("make_set", "make_list", "makeset", "makelist") and arguments:
            return [self.fix(arguments[0], row) for row in rows]
        return (
            self.fix(arguments[-1 if name in ("arg_max", "arg_min") else 0], rows[0]) if arguments else OPEN
        )


ROWS: dict[type[Relation], Callable[[Maker, Any], Row]] = {}
CONDITIONS: dict[str, Callable[[Maker, Any, bool, Row], bool]] = {}
GIVERS: dict[str, Callable[..., Any]] = {}
AGGREGATE_GIVERS: dict[str, Callable[[Maker, Aggregate, Want], bool]] = {}


def registered(table: dict[Any, Any], *names: Any) -> Callable[[Any], Any]:
    """The decorated function stands in a table under names."""

    def register(body: Any) -> Any:
        table.update(dict.fromkeys(names, body))
        return body

    return register
