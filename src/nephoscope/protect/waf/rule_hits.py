"""Rule hits of web application firewalls: which rule matched which part of which requests, from how many addresses."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from nephoscope_kql.cell_formatting import iterate_rows

if TYPE_CHECKING:
    import pyarrow as pa

#: Sources of a hit that are read at most: more say the same.
MOST_SOURCES = 1000
#: Rules that add up scores, block by them, or report a correlation: what they name is in the rules before.
_SUMMARIES = ("949", "959", "980", "0")
_PART = re.compile(
    r"\b(ARGS_NAMES|ARGS|REQUEST_COOKIES_NAMES|REQUEST_COOKIES|REQUEST_HEADERS_NAMES|REQUEST_HEADERS):([^:\s\]}]+)"
)
#: Hits of some days, one row for each rule, part of a request, host and path.
QUERY = rf"""AGWFirewallLogs
| where TimeGenerated > ago({{days}}d) and isnotempty(RuleId)
| extend Detail = strcat(DetailedData, ' ', DetailedMessage)
| extend Part = extract(@'\b((?:ARGS|REQUEST_COOKIES|REQUEST_HEADERS)(?:_NAMES)?:[^:\s\]}}}}]+)', 1, Detail)
| extend Path = tostring(split(RequestUri, '?')[0]), Host = iff(isnotempty(Hostname), Hostname, Site)
| summarize Hits = count(), Blocked = countif(Action in~ ('Blocked', 'Block')), First = min(TimeGenerated), Last = max(TimeGenerated),
    Sources = make_set(ClientIp, {MOST_SOURCES}), Message = take_any(Message)
    by Gateway = tolower(_ResourceId), Policy = PolicyId, RuleSetType, RuleSetVersion, RuleId, Part, Host, Path
| order by Hits"""


class RuleHit(msgspec.Struct, frozen=True):
    """Hits of a rule on one part (`ARGS:comment`, '' = it is not told) of the requests to a path of a host."""

    gateway: str
    policy: str
    rule_set: str
    version: str
    rule: str
    part: str
    host: str
    path: str
    hits: int
    blocked: int
    first: datetime
    last: datetime
    sources: tuple[str, ...]
    message: str

    @property
    def is_summary(self) -> bool:
        """Return whether the rule adds up what others found."""
        return self.rule.startswith(_SUMMARIES)

    @property
    def family(self) -> str:
        """The kind of attack that the rule looks for: the first three digits of a rule of the core rule set."""
        return self.rule[:3]


def parse_part(part: str) -> tuple[str, str]:
    """Return the collection and the name of a part, ('', '') where it is none."""
    found = _PART.match(part)
    return (found[1], found[2]) if found else ("", "")


def read_hits(rows: pa.Table) -> list[RuleHit]:
    """Read the answer to QUERY."""
    from nephoscope_kql.cell_formatting import list_typed_columns

    names = [name for name, _ in list_typed_columns(rows)]
    return [_read_hit(dict(zip(names, row, strict=True))) for row in iterate_rows(rows)]


def _read_hit(row: dict[str, object]) -> RuleHit:
    from nephoscope.ingest.live.ingestion.transform import convert_ticks_to_datetime

    def get_text(name: str) -> str:
        return str(row[name] or "")

    def count(name: str) -> int:
        found = row[name]
        return found if isinstance(found, int) else 0

    return RuleHit(
        get_text("Gateway"),
        get_text("Policy"),
        get_text("RuleSetType"),
        get_text("RuleSetVersion"),
        get_text("RuleId"),
        get_text("Part"),
        get_text("Host"),
        get_text("Path"),
        count("Hits"),
        count("Blocked"),
        convert_ticks_to_datetime(count("First")),
        convert_ticks_to_datetime(count("Last")),
        tuple(map(str, json.loads(get_text("Sources") or "[]"))),
        get_text("Message"),
    )
