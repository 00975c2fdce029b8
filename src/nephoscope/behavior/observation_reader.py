"""Observation reader: reads observations from the lake in chunks that fit into memory."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from nephoscope.behavior.observation_source import COLUMNS, ObservationSource
from nephoscope.geolocation.provider import Geolocator
from nephoscope.lake.queries.time_span import RowSpan
from nephoscope.lake.storage.table_store import list_tables
from nephoscope_kql.types import UNIX_EPOCH_TICKS

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake

MOST_ROWS = 300_000
"""Rows of the logs that are looked at together."""
HOUR = dt.timedelta(hours=1)
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_WHERE = ("Country", "City", "ISP")
_TEXTS = tuple(name for name in COLUMNS if name not in ("TimeGenerated", "Kind", "Entity", "Succeeded"))
OBSERVED = pa.schema(
    [("event", pa.int64()), ("id", pa.string()), ("source", pa.string()), ("kind", pa.string()), ("entity", pa.string()),
     ("ok", pa.bool_()), ("day", pa.int32()), ("time", pa.int64()), ("Hours", pa.string())]
    + [(name, pa.string()) for name in _TEXTS]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ObservationSpan:
    """A span of event time to look at, of what came in [since, until) (since None = ever)."""

    start: dt.datetime
    end: dt.datetime
    since: dt.datetime | None
    until: dt.datetime

    @property
    def span(self) -> RowSpan:
        """Return the span as a row condition for queries."""
        return RowSpan(self.start, self.end, self.until, self.since)


@dataclass(slots=True)
class Observer:
    """Reads one workspace. `aliases` maps a lower-cased name of a user to its object id; `places` knows where addresses are."""

    lake: Lake
    workspace: str
    sources: Sequence[ObservationSource]
    aliases: Mapping[str, str] = field(default_factory=dict)
    places: Geolocator = field(default_factory=Geolocator)

    def split_into_spans(
        self, since: dt.datetime | None, until: dt.datetime, oldest: dt.datetime
    ) -> Iterator[ObservationSpan]:
        """Yield what came in [since, until), the oldest events first; whole hours, of MOST_ROWS rows at most where hours allow."""
        counted = self._count_rows(ObservationSpan(oldest, until + dt.timedelta(days=1), since, until))
        hours: list[dt.datetime] = []
        for hour in sorted(counted):
            rows = sum(counted[one] for one in hours) + counted[hour]
            if hours and rows > MOST_ROWS:
                yield ObservationSpan(hours[0], hours[-1] + HOUR, since, until)
                hours = []
            hours.append(hour)
        if hours:
            yield ObservationSpan(hours[0], hours[-1] + HOUR, since, until)

    def observe(self, stretch: ObservationSpan) -> pa.Table:
        """The observations of a stretch, each with an id that it has in every run."""
        rows: list[dict[str, object]] = []
        for source in self._list_existing_sources():
            table = self.lake.rows(source.query, workspace=self.workspace, now=stretch.end, span=stretch.span)
            rows += [self._build_observation(source, row) for row in table.to_pylist()]
        seen = {row["Address"]: row for row in rows if row["Address"] and row["Country"] and row["ISP"]}
        for number, row in enumerate(rows):
            row["event"] = number
            if not (row["Country"] and row["ISP"]):
                self._locate_addresses(row, seen.get(row["Address"]))
        return pa.Table.from_pylist(rows, OBSERVED)

    def load_known_ids(self, stretch: ObservationSpan) -> frozenset[str]:
        """The ids of what was told of a stretch already."""
        text = "BehaviorAnalytics | project _ItemId"
        found = self.lake.rows(
            text, workspace=self.workspace, now=stretch.end, span=RowSpan(stretch.start, stretch.end)
        )
        return frozenset(found.column("_ItemId").to_pylist())

    def _list_existing_sources(self) -> list[ObservationSource]:
        """The sources whose tables have rows."""
        there = {table for _, table in list_tables(self.lake.data, self.workspace)}
        return [one for one in self.sources if one.table in there]

    def _count_rows(self, stretch: ObservationSpan) -> Counter[dt.datetime]:
        found: Counter[dt.datetime] = Counter()
        for table in sorted({one.table for one in self._list_existing_sources()}):
            text = f"{table} | summarize Rows = count() by Hour = bin(TimeGenerated, 1h)"
            rows = self.lake.rows(text, workspace=self.workspace, now=stretch.end, span=stretch.span)
            for row in rows.to_pylist():
                found[EPOCH + dt.timedelta(microseconds=(row["Hour"] - UNIX_EPOCH_TICKS) // 10)] += row[
                    "Rows"
                ]
        return found

    def _build_observation(self, source: ObservationSource, row: dict[str, Any]) -> dict[str, object]:
        micros = (row["TimeGenerated"] - UNIX_EPOCH_TICKS) // 10
        moment = EPOCH + dt.timedelta(microseconds=micros)
        entity = row["Entity"]
        if row["Kind"] == "user":
            entity = self.aliases.get(entity, entity)
        seen = {
            "id": _build_id_expression(source.name, row["Record"], micros, entity),
            "source": source.table,
            "kind": row["Kind"],
            "entity": entity,
            "ok": bool(row["Succeeded"]),
            "day": (moment - EPOCH).days,
            "time": micros,
            "Hours": _format_part_of_week(moment),
        }
        return {**{name: row[name] for name in _TEXTS}, **seen}

    def _locate_addresses(self, row: dict[str, object], seen: Mapping[str, object] | None) -> None:
        """Fill in where an address is: as the sign-ins beside it say, else by the places."""
        address = str(row["Address"])
        if seen is None and address:
            place = self.places.locate(address)
            seen = {"Country": place.country, "City": place.city, "ISP": place.network}
        for name, value in (seen or {}).items():
            if name in _WHERE and not row[name]:
                row[name] = value


def _format_part_of_week(moment: dt.datetime) -> str:
    """The part of the week: `weekdays 08-12 UTC`."""
    first = moment.hour // 4 * 4
    return f"{'weekends' if moment.weekday() > 4 else 'weekdays'} {first:02d}-{first + 4:02d} UTC"


def _build_id_expression(*parts: object) -> str:
    """A GUID over what tells an observation from others."""
    digest = hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=16).hexdigest()
    return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:]))
