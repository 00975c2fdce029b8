"""Filter of audit entries: who, which operation, how it ended, and a text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Conditions on entries; an empty set or text leaves all. The newest come first, unless `oldest_first`."""

    authors: frozenset[str] = frozenset()
    operations: frozenset[str] = frozenset()
    outcomes: frozenset[str] = frozenset()
    text: str = ""
    oldest_first: bool = False
