"""Arrival profile: usual gaps between arrivals and filled columns of a source's table.

Kept as text in the state (`columns` of the source's health).
"""

from __future__ import annotations

from collections.abc import Set
from datetime import UTC, datetime, timedelta

import msgspec

#: Looks after which what is usual is known, and after which a new name is judged.
LEARNED, JUDGED_AFTER = 30, 10
#: A name is part of the schema where at least this share of the looks had it.
_USUAL_NEW, _USUAL_OLD = 0.5, 0.95
#: A silence is usual where it came so often; that many of a day are kept.
_OFTEN = 3
#: Days for which a silence is remembered, and how many times its own length where that is longer.
_REMEMBERED, _TIMES_OWN = 35, 5
_DAY = 86_400.0
_FIRST_DAY = timedelta(days=1)
_MOST_NAMES = 2000


class FieldName(msgspec.Struct, array_like=True):
    """A name: the look that first had it, how many had it, the last one, and whether it was judged as new."""

    first: int
    count: int
    last: int
    judged: bool = False


class SilenceDay(msgspec.Struct, array_like=True):
    """The longest silences in seconds that ended on a day (its ordinal), the longest first."""

    day: int
    silences: list[int]

    def expire(self, today: int) -> bool:
        """Forget what is too long ago; whether anything is left."""
        passed = today - self.day
        self.silences = [one for one in self.silences if passed <= max(_REMEMBERED, _TIMES_OWN * one / _DAY)]
        return bool(self.silences)


class SourceProfile(msgspec.Struct, omit_defaults=True):
    """`days` have the longest silences by the day of their end, over `gaps` silences in all; `looks` were taken at rows.

    `first` and `last` are the first arrival and the last.
    """

    gaps: int = 0
    looks: int = 0
    names: dict[str, FieldName] = {}
    first: datetime | None = None
    last: datetime | None = None
    days: list[SilenceDay] = []

    @classmethod
    def of(cls, text: str) -> SourceProfile:
        """From the state; a text that is none is a new profile."""
        try:
            return msgspec.json.decode(text, type=cls)
        except (msgspec.DecodeError, msgspec.ValidationError):
            return cls()

    def text(self) -> str:
        """Encode the profile as the JSON that the state stores."""
        return msgspec.json.encode(self).decode()

    def record_arrival(self, now: datetime) -> None:
        """Take in that something arrived."""
        before, self.last = self.last, now
        if before is None:
            self.first = now
            return
        self.gaps += 1
        today = now.astimezone(UTC).toordinal()
        self.days = [one for one in self.days if one.expire(today)]
        if not self.days or self.days[-1].day != today:
            self.days.append(SilenceDay(today, []))
        silences = [*self.days[-1].silences, max(0, round((now - before).total_seconds()))]
        self.days[-1].silences = sorted(silences, reverse=True)[:_OFTEN]

    def compute_usual_silence(self) -> float:
        """The longest silence that is usual, in seconds: one as long came three times. Within the first day, the longest at all."""
        found = sorted((one for day in self.days for one in day.silences), reverse=True)
        if not found:
            return 0.0
        young = self.first is not None and self.last is not None and self.last - self.first < _FIRST_DAY
        return float(found[0 if young else min(_OFTEN, len(found)) - 1])

    def update_names(self, names: Set[str]) -> tuple[list[str], list[str]]:
        """Take in the names of one look; (names that are new in the schema, names that have left it), each told once."""
        self.looks += 1
        for name in names:
            found = self.names.get(name)
            if found is not None:
                found.count += 1
                found.last = self.looks
            elif len(self.names) < _MOST_NAMES:
                self.names[name] = FieldName(self.looks, 1, self.looks, self.looks <= LEARNED)
        return self._list_new_tables(), self._find_gone()

    def _list_new_tables(self) -> list[str]:
        found = []
        for name, one in self.names.items():
            if not one.judged and self.looks - one.first >= JUDGED_AFTER:
                one.judged = True
                if one.count >= _USUAL_NEW * (self.looks - one.first + 1):
                    found.append(name)
        return sorted(found)

    def _find_gone(self) -> list[str]:
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
