"""Prevalence: since when and on how many machines of the fleet the hashes, domains and users of an incident are seen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from nephoscope.alerts.rules.query_result import RuleResultRow, iterate_findings
from nephoscope.lake.errors import LakeError
from nephoscope.lake.queries.time_span import RowSpan
from nephoscope.model.entity import Entity
from nephoscope_kql.errors import KqlError

if TYPE_CHECKING:
    import pyarrow as pa

    from nephoscope.lake.lake import Lake

PERIOD = timedelta(days=30)
MOST_VALUES = 50
TIMEOUT = 120.0
_FUNCTIONS = {"file": "_FilePrevalence", "domain": "_DomainPrevalence", "user": "_UserPrevalence"}
#: Kind -> all rows in which it could be seen, and what these logs name.
_SIGHTINGS = {
    "file": ("_FileSightings", "file hashes"),
    "domain": ("_DomainSightings", "domains"),
    "user": ("_UserSightings", "users"),
}


@dataclass(frozen=True, slots=True)
class Prevalence:
    """Prevalence of a value in the `PERIOD`: `first` is None where no log has it, `error` says why it is unknown: also
    where no log is stored that could have it."""

    kind: str
    value: str
    first: datetime | None = None
    last: datetime | None = None
    machines: int = 0
    events: int = 0
    error: str = ""

    def document(self) -> dict[str, object]:
        """Return it as JSON values."""
        return {
            "kind": self.kind, "value": self.value, "days": PERIOD.days, "events": self.events, "machines": self.machines,
            "firstSeen": self.first.isoformat() if self.first else None,
            "lastSeen": self.last.isoformat() if self.last else None, "error": self.error,
        }  # fmt: skip


def find_prevalence(
    lake: Lake, workspace: str, entities: Iterable[Entity], now: datetime
) -> list[Prevalence]:
    """Return the prevalence of every hash, domain and user among entities, the rarest first."""
    wanted: dict[str, dict[str, None]] = {kind: {} for kind in _FUNCTIONS}
    for entity in entities:
        kind, value = find_fleet_identifier(entity)
        if value:
            wanted[kind][value] = None
    found = [
        one
        for kind, values in wanted.items()
        if values
        for one in _query_prevalence(lake, workspace, kind, list(values)[:MOST_VALUES], now)
    ]
    return sorted(found, key=lambda one: (one.machines, one.events, one.kind, one.value))


def find_fleet_identifier(entity: Entity) -> tuple[str, str]:
    """Return the kind and value by which logs of the fleet know an entity, ('', '') for others."""
    match entity.kind:
        case "FileHash":
            return "file", entity.get("Value").lower()
        case "DNS":
            return "domain", entity.get("DomainName").rstrip(".").lower()
        case "URL":
            return "domain", _parse_host(entity.get("Url"))
        case "Account":
            return "user", entity.title.lower()
    return "", ""


def _parse_host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _query_prevalence(
    lake: Lake, workspace: str, kind: str, values: Sequence[str], now: datetime
) -> list[Prevalence]:
    """Ask a function for values; one that it has no row for was not seen."""
    text = f"{_FUNCTIONS[kind]}(dynamic({json.dumps(values)}))"
    span = RowSpan(now - PERIOD, now, now)

    def run(query: str) -> pa.Table:
        return lake.rows(query, workspace=workspace, now=now, timeout=TIMEOUT, span=span)

    try:
        seen = {row.get_text("Value"): _read_prevalence(kind, row) for row in iterate_findings(run(text))}
        unseen = "" if seen.keys() >= set(values) else _explain_unseen_values(kind, run)
    except (KqlError, LakeError, OSError) as error:
        return [Prevalence(kind, one, error=str(error) or type(error).__name__) for one in values]
    return [seen.get(one) or Prevalence(kind, one, error=unseen) for one in values]


def _explain_unseen_values(kind: str, run: Callable[[str], pa.Table]) -> str:
    """Return why nothing could be seen: '' where a log of the period has rows that name others."""
    function, what = _SIGHTINGS[kind]
    stored = run(f"{function} | take 1").num_rows
    return "" if stored else f"no log that names {what} is stored for these {PERIOD.days} days"


def _read_prevalence(kind: str, row: RuleResultRow) -> Prevalence:
    first, last = (datetime.fromisoformat(row.get_text(name)) for name in ("FirstSeen", "LastSeen"))
    return Prevalence(
        kind, row.get_text("Value"), first, last, int(row.get_text("Machines")), int(row.get_text("Events"))
    )
