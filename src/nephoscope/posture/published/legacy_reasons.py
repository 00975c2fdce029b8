"""Legacy reasons: editions of earlier releases repeat the cause of a verdict in its description."""

from __future__ import annotations

import re

from nephoscope_policy.data_gap import NOT_COLLECTED, STALE

#: A policy repeated the cause of the analyzer that it read, in front of the analyzer's own words.
_CAUSE = re.compile(r"(stale|classic|[a-z]+(?:-[a-z]+)+): (.+)", re.DOTALL)
_VERB = re.compile(r"not (?:collected|known): ")
_SENTENCE = re.compile(
    r"(.+?) (?:was|were) not (?:collected|read)(?:( in .+)|: (in Azure it always exists))?", re.DOTALL
)
_CUT = re.compile(r"(.+) was cut to text by its export and not read: (.+)", re.DOTALL)


def read_reason(cause: str, description: str) -> tuple[str, str]:
    """Return the cause and the description of a published verdict, the cause in its own field alone."""
    if cause in (NOT_COLLECTED, STALE) and (found := _CAUSE.fullmatch(description)):
        cause, description = found[1], found[2]
    description = _VERB.sub("", description, count=1) if _VERB.match(description) else description
    if cause != NOT_COLLECTED:
        return cause, description
    if found := _CUT.fullmatch(description):
        return cause, f"{found[1]} (cut to text by its export: {found[2]})"
    if found := _SENTENCE.fullmatch(description):
        return cause, found[1] + (found[2] or "") + (f" ({found[3]})" if found[3] else "")
    return cause, description
