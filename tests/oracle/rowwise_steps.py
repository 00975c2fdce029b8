"""The witness of scan: the states of the steps as a list of bags, row after row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rowwise import Row, Witness

    from nephoscope_kql.plan import relations


@dataclass
class State:
    """A sequence at a step: its number, and the values of the rows that matched so far (by their names in expressions)."""

    match: int
    values: dict[str, Any] = field(default_factory=dict)


def scanned(witness: Witness, relation: relations.Scanned) -> list[Row]:
    from rowwise import group_key

    parts: dict[tuple[str, ...], list[tuple[int, Row]]] = {}
    for number, row in enumerate(witness.rows(relation.input), 1):
        key = tuple(group_key(one.type, witness.value(one, row)) for one in relation.partition)
        parts.setdefault(key, []).append((number, row))
    found = [row for rows in parts.values() for row in Steps(witness, relation).walk(rows)]
    return sorted(found, key=lambda row: (row[relation.number.id], row[relation.step.id]))


class Steps:
    def __init__(self, witness: Witness, relation: relations.Scanned) -> None:
        self.witness, self.relation = witness, relation
        self.states: list[State | None] = [None for _ in relation.steps]
        self.matches = 0
        self.found: list[tuple[int, int, Row]] = []

    def walk(self, rows: list[tuple[int, Row]]) -> list[Row]:
        for number, row in rows:
            for level in reversed(range(len(self.states))):
                if not self.promoted(level, number, row):
                    self.again(level, number, row)
        last: dict[tuple[int, int], int] = {}
        for at, (level, match, _) in enumerate(self.found):
            last[(level, match)] = at
        kept = {"all": lambda at, level, match: True, "none": lambda at, level, match: False}
        kept["last"] = lambda at, level, match: last[(level, match)] == at
        steps = self.relation.steps
        return [
            row
            for at, (level, match, row) in enumerate(self.found)
            if kept[steps[level].output](at, level, match)
        ]

    def promoted(self, level: int, number: int, row: Row) -> bool:
        """The sequence of the step before goes on with this row."""
        before = self.states[level - 1] if level else None
        if before is None or not self.holds(level, row, before.values):
            return False
        self.states[level - 1] = None
        self.states[level] = self.taken(level, number, row, before)
        return True

    def again(self, level: int, number: int, row: Row) -> None:
        state = self.states[level]
        if state is None and level:
            return
        if not self.holds(level, row, state.values if state else {}):
            return
        if state is None:
            state = State(self.matches)
            self.matches += 1
        self.states[level] = self.taken(level, number, row, state)

    def scope(self, row: Row, values: dict[str, Any]) -> Row:
        """The row with the columns of all steps: those that no row has matched are blank, declared ones at their default."""
        from rowwise import blank

        defaults = {column.id: self.witness.value(value, {}) for column, value in self.relation.declared}
        blanks = {
            seen.id: defaults.get(own.id, blank(own.type))
            for step in self.relation.steps
            for own, seen in step.seen
        }
        return row | blanks | values

    def holds(self, level: int, row: Row, values: dict[str, Any]) -> bool:
        return self.witness.value(self.relation.steps[level].condition, self.scope(row, values)) is True

    def taken(self, level: int, number: int, row: Row, state: State) -> State:
        step = self.relation.steps[level]
        scope = self.scope(row, state.values)
        made = row | {column.id: self.witness.value(value, {}) for column, value in self.relation.declared}
        made |= {column.id: self.witness.value(value, scope) for column, value in step.assigned}
        hidden = (self.relation.match.id, self.relation.number.id, self.relation.step.id)
        shown = zip(hidden, (state.match, number, len(self.states) - level), strict=True)
        self.found.append((level, state.match, made | dict(shown)))
        return State(state.match, state.values | {seen.id: made[own.id] for own, seen in step.seen})
