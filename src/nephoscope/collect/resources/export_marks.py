"""Export marks: whether the bytes of a file may hold what PowerShell writes in place of values and times.

Nearly no file does. So the bytes are looked at as they stream by, and single records only behind the first mark.
"""

from __future__ import annotations

from nephoscope.collect.resources.powershell_dates import may_hold_dates
from nephoscope.collect.resources.truncated_values import may_hold

#: No mark is longer.
_LONGEST = 32


class ExportMarks:
    """Looks at a file chunk by chunk; `seen` says whether a record that ends in one of them may hold a mark."""

    def __init__(self) -> None:
        self.seen = False
        self._end = b""

    def see(self, chunk: bytes) -> None:
        """Look at the next bytes."""
        if self.seen:
            return
        edge = self._end + chunk[:_LONGEST]
        self.seen = any(may_hold(part) or may_hold_dates(part) for part in (edge, chunk))
        self._end = edge[-_LONGEST:] if len(chunk) < _LONGEST else chunk[-_LONGEST:]
