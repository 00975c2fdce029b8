"""Column widths: columns of short texts shrink to fit, and columns of long texts share the remaining width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.list_cell import CellKind, ListCell

Row = TypeVar("Row")
#: Characters that a width has room for at most, and its pixels.
FITS = ((10, 96), (14, 118), (18, 146), (24, 186))
#: Pixels that columns of fitted widths may take together.
ROOM = 620
#: The shares of the room that a column may declare, from the largest, and what is below them.
_SHARES = {"title": 0.38, "heading": 0.32, "name": 0.26}
_LESS = {"title": "heading", "heading": "name", "name": ""}
#: Pixels of a list beside its navigation and facets at a desk, the fewest that a column of texts should have, those of a character.
WIDE, _FEWEST, _CHARACTER = 860, FITS[0][1], 7
#: Pixels of the widths that columns declare.
_DECLARED = {
    "severity": 104,
    "state": 124,
    "time": 182,
    "ago": 118,
    "short": 96,
    "count": 68,
    "id": 152,
    "of": 168,
}
_NUMBER, _LONGEST = 84, FITS[-1][1]
#: Characters that the dot and the edges of a state are as wide as, and those by which the heavier letters of a main column are wider.
_CHIP, _HEAVIER = 3, 2


def fit_columns(columns: Sequence[ListColumn[Row]], page: Sequence[Row]) -> list[ListColumn[Row]]:
    """Fit the columns without a width, and the main one, to the rows of a page, the shortest first, while there is room.

    At least one column keeps its share of the room, and the main one what a name needs. Of ten texts the one that is longer than
    the widest fit may be cut.
    """
    lengths = {
        one.name: _measure_column(one, page)
        for one in columns
        if not one.number and (not one.width or one.width in _SHARES)
    }
    main = next((one for one in columns if one.width in _SHARES), None)
    kept = 0 if main is None else min(lengths[main.name] * _CHARACTER, int(_SHARES["name"] * WIDE))
    others = len(lengths) - (main is not None)
    room = min(ROOM, WIDE - (_FEWEST if others > 1 else 0) - kept) - sum(
        _measure_width(one) for one in columns if one.name not in lengths
    )
    fitted: dict[str, str] = {}
    for name in sorted(lengths, key=lengths.__getitem__)[: len(lengths) - 1]:
        is_main = main is not None and name == main.name
        characters, own = (lengths[name] + _HEAVIER, kept) if is_main else (lengths[name], 0)
        fit = next(((most, wide) for most, wide in FITS if characters <= most), None)
        if fit is None or fit[1] > room + own:
            break
        fitted[name], room = f"fit{fit[0]}", room + own - fit[1]
    sized = [replace(one, width=fitted.get(one.name, one.width)) for one in columns]
    main = next((one for one in sized if one.width in _SHARES), None)
    return sized if main is None else _narrow_main_column(sized, main, lengths[main.name] * _CHARACTER)


def _narrow_main_column(
    columns: list[ListColumn[Row]], main: ListColumn[Row], needed: int
) -> list[ListColumn[Row]]:
    """Take from the main column the share that it does not need, or that others need more that have only what is left of it.

    Where every other column has a width of its own, a main column of long texts has all that is left.
    """
    if needed > _SHARES["name"] * WIDE and all(one is main or one.width or one.number for one in columns):
        return [replace(one, width="") if one is main else one for one in columns]
    width = main.width
    while width in _SHARES and (needed < _SHARES[width] * WIDE or _is_too_narrow(columns, _SHARES[width])):
        width = _LESS[width]
    return [replace(one, width=width) if one is main else one for one in columns]


def _is_too_narrow(columns: Sequence[ListColumn[Row]], share: float) -> bool:
    rest = [one for one in columns if not one.width and not one.number]
    taken = sum(_measure_width(one) for one in columns if one.width not in _SHARES and one not in rest)
    return WIDE * (1 - share) - taken < len(rest) * _FEWEST


def _measure_column(column: ListColumn[Row], page: Sequence[Row]) -> int:
    lengths = sorted(_count_characters(column.cell(row)) for row in page) or [0]
    most, longest = FITS[-1][0], max(lengths[-1], len(column.title))
    return most if longest > most >= lengths[(len(lengths) - 1) * 9 // 10] else longest


def _count_characters(cell: ListCell) -> int:
    chip = _CHIP if cell.kind is CellKind.STATE else 0
    return chip + len(cell.text) + len(cell.note) + sum(len(mark.text) + 4 for mark in cell.marks)


def _measure_width(column: ListColumn[Row]) -> int:
    fitted = next((wide for most, wide in FITS if column.width == f"fit{most}"), _LONGEST)
    return _DECLARED.get(column.width, _NUMBER if column.number else fitted)
