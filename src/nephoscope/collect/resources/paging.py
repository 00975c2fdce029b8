"""Paging: next links and total counts in responses."""

from __future__ import annotations

import re
from collections import Counter

_MORE = re.compile(
    rb'"(?:@odata\.)?(?:nextLink|\$?skip_?token)"\s*:\s*"[^"]|"result_?truncated"\s*:\s*(?:"true"|true)',
    re.IGNORECASE,
)
_COUNT = re.compile(rb'"count"\s*:\s*(\d{1,15})\b', re.IGNORECASE)
_TOTAL = re.compile(rb'"total_?records"\s*:\s*(\d{1,15})\b', re.IGNORECASE)


class PagingReader:
    """Reads the members around the records of answers.

    `found` says that there were answers (`{"value": [...]}`), `continued` that the last of them names a next page.
    `totals`: the number of records that answers say there are in all -> how many of them these answers say to hold.
    """

    def __init__(self) -> None:
        self.found = self.continued = False
        self.totals: Counter[int] = Counter()
        self._count: int | None = None
        self._total: int | None = None

    def begin(self, buffer: bytearray, start: int, end: int) -> None:
        """Note the members before the records of an answer."""
        self.found, self.continued = True, False
        self._count = self._total = None
        self.note(buffer, start, end)

    def note(self, buffer: bytearray, start: int, end: int) -> None:
        """Note members of the answer that was begun."""
        self.continued = self.continued or bool(_MORE.search(buffer, start, end))
        if count := _COUNT.search(buffer, start, end):
            self._count = int(count[1])
        if total := _TOTAL.search(buffer, start, end):
            self._total = int(total[1])
        if self._count is not None and self._total is not None:
            self.totals[self._total] += self._count
            self._count = self._total = None
