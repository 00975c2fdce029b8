"""PowerShell artifacts: whether the bytes of a file may hold what PowerShell writes in place of values and times.

Nearly no file does. So the bytes are looked at as they stream by, and single records only behind the first mark.
"""

from __future__ import annotations

import re

from nephoscope.collect.resources.powershell_dates import HINT, holds_date_text
from nephoscope.collect.resources.truncated_values import BEGINNING

#: What begins with a quote is looked for in one pass.
_QUOTED = re.compile(BEGINNING + b"|" + HINT)
#: No mark is longer.
_LONGEST = 32


class PowerShellArtifactScan:
    """Looks at a file chunk by chunk; `seen` says whether a record that ends in one of them may hold a mark."""

    def __init__(self) -> None:
        self.seen = False
        self._end = b""

    def feed(self, chunk: bytes) -> None:
        """Look at the next bytes."""
        if self.seen:
            return
        edge = self._end + chunk[:_LONGEST]
        self.seen = any(_QUOTED.search(part) or holds_date_text(part) for part in (edge, chunk))
        self._end = edge[-_LONGEST:] if len(chunk) < _LONGEST else chunk[-_LONGEST:]
