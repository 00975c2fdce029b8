"""Severity in a list: its column, which sorts from the gravest, and its facet in the order of severities."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.list_cell import build_severity_cell
from nephoscope.web.lists.row_facets import RowFacet
from nephoscope_policy.model.state import Severity

Row = TypeVar("Row")
ORDER = (*(one.value for one in reversed(Severity)), "Negligible", "Unknown")


def build_severity_column(
    severity_of: Callable[[Row], str], title: str = "Severity", *, optional: bool = False
) -> ListColumn[Row]:
    """Return the column."""
    return ListColumn(
        "severity",
        title,
        lambda one: build_severity_cell(severity_of(one)),
        largest=True,
        width="severity",
        optional=optional,
    )


def build_severity_facet(
    severity_of: Callable[[Row], str], title: str = "Severity", name: str = "severity"
) -> RowFacet[Row]:
    """Return the facet."""
    return RowFacet(name, title, lambda one: (severity_of(one),), order=ORDER)
