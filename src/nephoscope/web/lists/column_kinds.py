"""Columns of the kinds that many lists have: times, which sort from the newest, texts and numbers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.list_cell import (
    ListCell,
    build_number_cell,
    build_relative_time_cell,
    build_text_cell,
    build_time_cell,
)

Row = TypeVar("Row")


def build_time_column(
    name: str, title: str, at_of: Callable[[Row], datetime | None], none: str = "–", *, shown: bool = True
) -> ListColumn[Row]:
    """Return a column of times."""
    return _build_time_column(name, title, lambda one: build_time_cell(at_of(one), none), "time", shown=shown)


def build_relative_time_column(
    name: str, title: str, at_of: Callable[[Row], datetime | None], none: str = "–", *, shown: bool = True
) -> ListColumn[Row]:
    """Return a column of how long ago something was."""
    return _build_time_column(
        name, title, lambda one: build_relative_time_cell(at_of(one), none), "ago", shown=shown
    )


def _build_time_column(
    name: str, title: str, cell: Callable[[Row], ListCell], width: str, *, shown: bool
) -> ListColumn[Row]:
    return ListColumn(name, title, cell, optional=True, largest=True, width=width, shown=shown)


def build_text_column(
    name: str,
    title: str,
    text_of: Callable[[Row], str],
    *,
    sorted: bool = True,  # noqa: A002 - as the column calls it
    shown: bool = True,
    width: str = "",
) -> ListColumn[Row]:
    """Return a column of texts that lead nowhere, which narrow screens say below the title."""
    return ListColumn(
        name,
        title,
        lambda one: build_text_cell(text_of(one)),
        optional=True,
        sorted=sorted,
        shown=shown,
        width=width,
    )


def build_number_column(
    name: str,
    title: str,
    number_of: Callable[[Row], float | None],
    *,
    optional: bool = True,
    shown: bool = True,
    hint: str = "",
) -> ListColumn[Row]:
    """Return a column of numbers."""
    return ListColumn(
        name,
        title,
        lambda one: build_number_cell(number_of(one)),
        number=True,
        optional=optional,
        shown=shown,
        hint=hint,
    )
