"""What is usual for a table of a source: the gaps between arrivals, and the names that its rows have values under.

Kept as text in the state (`columns` of the source's health).
"""

from __future__ import annotations

from collections.abc import Set
from datetime import datetime

import msgspec

#: Looks after which what is usual is known, and after which a new name is judged.
LEARNED, JUDGED_AFTER = 30, 10
#: A name is part of the schema where at least this share of the looks had it.
_USUAL_NEW, _USUAL_OLD = 0.5, 0.95
_HALF_LIFE = 7 * 86_400.0
_MOST_NAMES = 2000


class Name(msgspec.Struct, array_like=True):
    """A name: the look that first had it, how many had it, the last one, and whether it was judged as new."""

    first: int
    count: int
    last: int
    judged: bool = False


class Profile(msgspec.Struct, omit_defaults=True):
    """`gap` is the longest silence of late in seconds, fading by half in a week, over `gaps` silences; `looks` were taken at rows.

    `last` is the last arrival.
    """

    gap: float = 0.0
    gaps: int = 0
    looks: int = 0
    names: dict[str, Name] = {}
    last: datetime | None = None

    @classmethod
    def of(cls, text: str) -> Profile:
        """From the state; a text that is none is a new profile."""
        try:
            return msgspec.json.decode(text, type=cls)
        except (msgspec.DecodeError, msgspec.ValidationError):
            return cls()

    def text(self) -> str:
        """As it is kept."""
        return msgspec.json.encode(self).decode()

    def arrived(self, now: datetime) -> None:
        """Take in that something arrived."""
        before, self.last = self.last, now
        if before is None:
            return
        passed = max(0.0, (now - before).total_seconds())
        self.gap = max(passed, self.gap * 0.5 ** (passed / _HALF_LIFE))
        self.gaps += 1

    def seen(self, names: Set[str]) -> tuple[list[str], list[str]]:
        """Take in the names of one look; (names that are new in the schema, names that have left it), each told once."""
        self.looks += 1
        for name in names:
            found = self.names.get(name)
            if found is not None:
                found.count += 1
                found.last = self.looks
            elif len(self.names) < _MOST_NAMES:
                self.names[name] = Name(self.looks, 1, self.looks, self.looks <= LEARNED)
        return self._new(), self._gone()

    def _new(self) -> list[str]:
        found = []
        for name, one in self.names.items():
            if not one.judged and self.looks - one.first >= JUDGED_AFTER:
                one.judged = True
                if one.count >= _USUAL_NEW * (self.looks - one.first + 1):
                    found.append(name)
        return sorted(found)

    def _gone(self) -> list[str]:
        gone = [
            name
            for name, one in self.names.items()
            if one.last - one.first + 1 >= LEARNED
            and self.looks - one.last >= JUDGED_AFTER
            and one.count >= _USUAL_OLD * (one.last - one.first + 1)
        ]
        for name in gone:
            del self.names[name]
        return sorted(gone)
