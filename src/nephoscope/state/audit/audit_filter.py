"""Filter of audit entries: who, which operation, how it ended, and a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import or_

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import InstrumentedAttribute

    from nephoscope.state.audit.audit import AuditRow


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Conditions on entries; an empty set or text leaves all. The newest come first, unless `oldest_first`."""

    authors: frozenset[str] = frozenset()
    operations: frozenset[str] = frozenset()
    outcomes: frozenset[str] = frozenset()
    text: str = ""
    oldest_first: bool = False

    def conditions(self, row: type[AuditRow]) -> list[ColumnElement[bool]]:
        """Return the conditions on a row."""
        narrowed = (
            (row.author, self.authors),
            (row.operation, self.operations),
            (row.outcome, self.outcomes),
        )
        found: list[ColumnElement[bool]] = [column.in_(values) for column, values in narrowed if values]
        if self.text:
            said: Sequence[InstrumentedAttribute[str]] = (row.author, row.operation, row.target)
            found.append(or_(*(one.icontains(self.text, autoescape=True) for one in said)))
        return found
