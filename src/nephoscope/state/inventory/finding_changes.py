"""Change numbers of subjects' findings: they rise with every change, so that caches in memory reload what changed."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from nephoscope.state.database.database import Database
from nephoscope.state.tables.inventory_rows import FindingChangeRow

#: In place of a subject: what is known of vulnerabilities and of packages changed.
FACTS = 0
_QUEUE = "finding-changes"


def record_changes(database: Database, session: Session, subjects: Iterable[int]) -> None:
    """Note within a transaction that the findings of subjects changed (FACTS = what is known of vulnerabilities)."""
    every = sorted(set(subjects))
    if not every:
        return
    # a number is taken until its transaction ends, so that no reader sees a later one before it
    database.queue(session, _QUEUE)
    change = find_newest_change_number(session) + 1
    rows = [{"subject": one, "change": change} for one in every]
    database.upsert(session, FindingChangeRow, rows, ["subject"])


def find_newest_change_number(session: Session) -> int:
    """Return the number of the last change, 0 before the first."""
    return session.scalar(select(func.max(FindingChangeRow.change))) or 0


def list_subjects_changed_since(session: Session, change: int) -> list[int]:
    """Return the subjects of which something changed after a change."""
    return list(session.scalars(select(FindingChangeRow.subject).where(FindingChangeRow.change > change)))
