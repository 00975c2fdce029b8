"""Cells of lists: what a row says in a column, as data that the page, the preview and the order read alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from nephoscope.vulnerability.severities import rank_severity
from nephoscope.web.rendering import formatting
from nephoscope_policy.model.state import Severity

#: What a cell says that has nothing to say.
NONE = "–"
_RANKS = {one.value: float(one.rank) for one in Severity}


class CellKind(StrEnum):
    """Ways to draw a cell."""

    TEXT = "text"
    NUMBER = "number"
    SEVERITY = "severity"
    STATE = "state"
    MOMENT = "moment"
    AGO = "ago"
    CODE = "code"
    BAR = "bar"


@dataclass(frozen=True, slots=True)
class CellMark:
    """A state beside the text of a cell, such as `suppressed`; `tone` is the variant of its color ('' = gray)."""

    text: str
    tone: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class ListCell:
    """Text of a row in a column: `whole` is the text where the column has no room for it, `note` what is said in small letters.

    `parts` are those of a bar, which says its text to who cannot see it.
    Rows are sorted by `order`, those without a value last of the ascending order's numbers and texts.
    """

    text: str = NONE
    kind: CellKind = CellKind.TEXT
    whole: str = ""
    link: str = ""
    note: str = ""
    tone: str = ""
    at: datetime | None = None
    order: float | str | None = None
    marks: Sequence[CellMark] = ()
    parts: Sequence[tuple[str, int]] = ()

    @property
    def is_empty(self) -> bool:
        """Return whether it says nothing."""
        return self.text in ("", NONE) and not self.marks

    @property
    def sort_key(self) -> tuple[int, float, str]:
        """Return what rows are sorted by: numbers before texts, and nothing before both."""
        if isinstance(self.order, float | int):
            return 1, float(self.order), ""
        text = self.order if self.order is not None else "" if self.is_empty else self.text
        return (2, 0.0, text.casefold()) if text else (0, 0.0, "")


def build_text_cell(
    text: str, link: str = "", *, whole: str = "", note: str = "", marks: Sequence[CellMark] = ()
) -> ListCell:
    """Say a text, which may lead somewhere."""
    return ListCell(text or NONE, whole=whole or text, link=link, note=note, marks=marks)


def build_code_cell(text: str, whole: str = "") -> ListCell:
    """Say an id or a command."""
    return ListCell(text or NONE, CellKind.CODE, whole=whole or text)


def build_number_cell(value: float | None, link: str = "", *, text: str = "", note: str = "") -> ListCell:
    """Say a number, in other words where `text` has some."""
    return ListCell(
        text or formatting.format_integer(value), CellKind.NUMBER, link=link, note=note, order=value
    )


def build_severity_cell(name: str) -> ListCell:
    """Say a severity, or the risk of an attack path."""
    order = _RANKS[name] if name in _RANKS else float(rank_severity(name))
    return ListCell(name or NONE, CellKind.SEVERITY if name else CellKind.TEXT, order=order)


def build_state_cell(
    text: str,
    tone: str = "",
    *,
    whole: str = "",
    note: str = "",
    link: str = "",
    marks: Sequence[CellMark] = (),
    order: float | None = None,
) -> ListCell:
    """Say a state in a word; `tone` is the variant of its color, `whole` why it stands so."""
    kind = CellKind.STATE if text else CellKind.TEXT
    return ListCell(
        text or NONE, kind, whole=whole, link=link, note=note, tone=tone, marks=marks, order=order
    )


def build_time_cell(at: datetime | None, none: str = NONE) -> ListCell:
    """Say a time."""
    return (
        ListCell(none)
        if at is None
        else ListCell(formatting.format_moment(at), CellKind.MOMENT, at=at, order=at.timestamp())
    )


def build_relative_time_cell(at: datetime | None, none: str = NONE) -> ListCell:
    """Say how long ago a time is."""
    return (
        ListCell(none)
        if at is None
        else ListCell(formatting.format_age(at), CellKind.AGO, at=at, order=at.timestamp())
    )


def build_bar_cell(parts: Sequence[tuple[str, int]], text: str, order: float | None) -> ListCell:
    """Say counts as a bar of parts: (kind, count) each, as a chart of parts has them; `text` says the same."""
    return ListCell(text, CellKind.BAR, order=order, parts=parts)
