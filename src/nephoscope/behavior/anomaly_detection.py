"""Anomaly detection: score observations in SQL, set by set (anomaly_detection.sql).

Observations teach first and are judged then: what counts is only the days before the one in question and, on that day, whether a
value was seen earlier, so that teaching the same rows again changes no judgement.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import duckdb
import pyarrow as pa

from nephoscope.behavior.profile_dimensions import ACTIVITY, DIMENSIONS, LONGEST, RECENT
from nephoscope.behavior.profiles import SPAN, TRIED, Profiles, fetch_arrow
from nephoscope.behavior.scoring import UNCOMMON_USER, ProfileFacts
from nephoscope.behavior.settings import BehaviorSettings


@dataclass(frozen=True, slots=True)
class JudgedObservation:
    """An observation and what is unusual about it: its columns by name, `sharing` (other users of its address), `active_days`."""

    event: dict[str, Any]
    facts: tuple[ProfileFacts, ...]


def assess_observations(
    profiles: Profiles, observed: pa.Table, peers: pa.Table, settings: BehaviorSettings
) -> list[JudgedObservation]:
    """Teach observations to the profiles, then judge them; `peers` has the columns entity, peer."""
    if not observed.num_rows:
        return []
    with profiles.open_tables() as connection:
        connection.register("observed", observed)
        connection.register("peers", peers)
        _register_dimensions(connection)
        for step in _read_statements("anomaly_detection.sql"):
            names = [name for name in ("active_days", "learning_days") if f"${name}" in step]
            connection.execute(step, {name: getattr(settings, name) for name in names} or None)
        profiles.add_observations(fetch_arrow(connection, "SELECT * FROM fresh"))
        facts = fetch_arrow(connection, next(_read_statements("facts.sql"))).to_pylist()
        events = fetch_arrow(connection, next(_read_statements("events.sql"))).to_pylist()
    found: dict[int, list[ProfileFacts]] = {}
    for row in facts:
        found.setdefault(row.pop("event"), []).append(ProfileFacts(**row))
    several = (JudgedObservation(event, tuple(_select_facts(found[event["event"]]))) for event in events)
    return [one for one in several if one.facts]


def _select_facts(facts: list[ProfileFacts]) -> list[ProfileFacts]:
    """Of an entity without a history only what nobody in the tenant does, and somebody is expected to."""
    return [
        one for one in facts if one.learned or (one.is_first_in_tenant and DIMENSIONS[one.dimension].common)
    ]


def _read_statements(file: str) -> Iterator[str]:
    """The statements of a file."""
    yield from _read_query(file).split(";\n")


@cache
def _read_query(file: str) -> str:
    text = (files("nephoscope") / "behavior" / file).read_text(encoding="utf-8")
    return text.strip().removesuffix(";").format(
        columns=", ".join(DIMENSIONS),
        span=SPAN,
        tried=TRIED,
        longest=LONGEST,
        recent=RECENT,
        uncommon=UNCOMMON_USER,
        activity=ACTIVITY,
        address=DIMENSIONS["Address"].lookback,
    )  # fmt: skip


def _register_dimensions(connection: duckdb.DuckDBPyConnection) -> None:
    rows = {"dimension": list(DIMENSIONS), "lookback": [one.lookback for one in DIMENSIONS.values()]}
    schema = pa.schema([("dimension", pa.string()), ("lookback", pa.int32())])
    connection.register("dimensions", pa.table(rows, schema))
