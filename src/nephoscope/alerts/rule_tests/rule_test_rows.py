"""Expands the short form of rows in a rule's test file: a base row, the differences of a case and of a row, and repeated rows.

A row is a JSON merge patch (RFC 7396) of its base row: it adds and replaces columns and properties of bags, and `null` removes one.
`repeat: 20` stands for twenty rows; in their texts `{n}` counts from 0, as `{5+n}`, `{100-2*n}` or, with leading zeros, `{1+n:02}`.
`each: {Column: [a, b]}` is a row for each value. With `rows`, a list, either repeats several rows in turn. A text that is one
counter is a number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

Row = dict[str, object]

REPEAT, EACH, ROWS = "repeat", "each", "rows"
MOST_ROWS = 10_000
"""Rows that one item may stand for."""
_COUNTER = re.compile(r"\{(?:(\d+)([+-]))?(?:(\d+)\*)?n(?::0(\d{1,2}))?\}")


class RowItemError(ValueError):
    """An item of a list of rows that stands for no rows; `item` is its number in the list."""

    def __init__(self, item: int, reason: str) -> None:
        super().__init__(reason)
        self.item = item


@dataclass(frozen=True, slots=True)
class ExpandedRows:
    """Rows, and beside each the number of the item that it comes from."""

    rows: tuple[Row, ...]
    items: tuple[int, ...]


def expand_rows(items: Sequence[Mapping[str, object]], base: Mapping[str, object] | None) -> ExpandedRows:
    """Return the rows that items stand for, over their base row; RowItemError where an item stands for none.

    Without a base row a row is what its item says, nulls included.
    """
    rows: list[Row] = []
    numbers: list[int] = []
    for number, item in enumerate(items):
        try:
            found = list(_expand_rows(item))
        except ValueError as error:
            raise RowItemError(number, str(error)) from error
        rows += found if base is None else [merge_patch(base, row) for row in found]
        numbers += [number] * len(found)
    return ExpandedRows(tuple(rows), tuple(numbers))


def merge_patch(base: Mapping[str, object], patch: Mapping[str, object]) -> Row:
    """Return a bag with a JSON merge patch applied (RFC 7396)."""
    merged = dict(base)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            inner = merged.get(name)
            merged[name] = merge_patch(inner if isinstance(inner, dict) else {}, value)
        else:
            merged[name] = value
    return merged


def _expand_rows(item: Mapping[str, object]) -> Iterator[Row]:
    if not item.keys() & {REPEAT, EACH, ROWS}:
        yield dict(item)
        return
    shared = {name: value for name, value in item.items() if name not in (REPEAT, EACH, ROWS)}
    group = _read_group(item)
    turns = _read_turn_rows(item)
    if len(turns) * len(group) > MOST_ROWS:
        raise ValueError(f"more than {MOST_ROWS} rows")
    for turn, values in enumerate(turns):
        for row in group:
            yield {name: _fill_counters(value, turn) for name, value in (shared | values | row).items()}


def _read_group(item: Mapping[str, object]) -> Sequence[Row]:
    """The rows of one turn: one without further columns, or those of `rows`."""
    group = item.get(ROWS, [{}])
    if not isinstance(group, list) or not group or not all(isinstance(row, dict) for row in group):
        raise ValueError(f"{ROWS} must be a list of rows (got {group!r})")
    if any(row.keys() & {REPEAT, EACH, ROWS} for row in group):
        raise ValueError(f"a row of {ROWS} cannot have its own repetition")
    return group


def _read_turn_rows(item: Mapping[str, object]) -> Sequence[Row]:
    """Return what each turn has of its own: nothing where a row is only repeated, else the values of `each`."""
    if (REPEAT in item) == (EACH in item):
        raise ValueError(
            f"{ROWS} needs {REPEAT} or {EACH}" if ROWS in item else f"{REPEAT} or {EACH}, not both"
        )
    if EACH in item:
        return _list_rows(item[EACH])
    times = item[REPEAT]
    if type(times) is not int or not 1 <= times <= MOST_ROWS:
        raise ValueError(f"{REPEAT} must be a number from 1 to {MOST_ROWS} (got {times!r})")
    return [{}] * times


def _list_rows(each: object) -> Sequence[Row]:
    if (
        not isinstance(each, dict)
        or not each
        or not all(isinstance(values, list) for values in each.values())
    ):
        raise ValueError(f"{EACH} must map columns to lists of values (got {each!r})")
    if len({len(values) for values in each.values()}) > 1:
        raise ValueError(f"the lists of {EACH} must have the same length")
    return [dict(zip(each, values, strict=True)) for values in zip(*each.values(), strict=True)]


def _fill_counters(value: object, turn: int) -> object:
    """A value with its counters replaced."""
    if isinstance(value, dict):
        return {name: _fill_counters(inner, turn) for name, inner in value.items()}
    if isinstance(value, list):
        return [_fill_counters(inner, turn) for inner in value]
    if not isinstance(value, str) or "n" not in value:
        return value
    if (whole := _COUNTER.fullmatch(value)) and not whole[4]:
        return int(_format_counter(whole, turn))
    return _COUNTER.sub(lambda found: _format_counter(found, turn), value)


def _format_counter(found: re.Match[str], turn: int) -> str:
    start, sign, step, width = found.groups()
    count = int(step or 1) * turn
    return str(int(start or 0) + (-count if sign == "-" else count)).zfill(int(width or 0))
