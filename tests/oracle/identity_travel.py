"""The shipped rule of impossible travel over sign-ins with coordinates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from nephoscope.alerts.detection.build_alerts import build_alerts
from nephoscope.alerts.rules.query_result import iterate_findings
from nephoscope.alerts.rules.rule_files import load_shipped_rules
from nephoscope.alerts.rules.window import build_window
from nephoscope.lake.queries.shipped_functions import load_shipped_functions
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.lake.schema.tables import Tables
from nephoscope.state.workspaces.workspace import Workspace
from nephoscope_kql.cache import CompileCache
from nephoscope_kql.catalog import MemoryCatalog
from nephoscope_kql.engines.duckdb import DuckDBEngine

TABLE, NAME = "SigninLogs", "Impossible travel"
FOREVER = Workspace(name="test", days=36_500)
KILOMETERS, SPEED = 500, 900


@dataclass(frozen=True)
class Visit:
    """A sign-in that succeeded at a place."""

    user: str
    time: datetime
    address: str
    latitude: float
    longitude: float
    country: str = ""


class TravelRule:
    """The rule by its name, over rows of one table."""

    def __init__(self) -> None:
        self._tables = Tables.builtin()
        catalog = {one.name: replace(one.to_schema(one.name), day=("", "")) for one in self._tables}
        self._catalog = MemoryCatalog(catalog, load_shipped_functions())
        self._cache = CompileCache()
        self._rule = next(one for one in load_shipped_rules().rules if one.name == NAME)

    def fires(self, visits: Sequence[Visit]) -> bool:
        """Whether the rule raises an alert when it runs a minute after the last sign-in."""
        now = max((one.time for one in visits), default=datetime.now().astimezone()) + timedelta(minutes=1)
        table = self._tables[TABLE]
        rows = to_arrow_rows(table, [_row(one) for one in visits], workspace=FOREVER, now=now).table
        compiled = self._cache.compile(self._rule.query, self._catalog, now=now)
        with DuckDBEngine({TABLE: rows}, threads=1) as engine:
            found = list(iterate_findings(engine.run(compiled)))
        return bool(build_alerts(self._rule, build_window(self._rule, now), found, now))

    @staticmethod
    def cannot_be_travelled(before: Visit, after: Visit) -> bool:
        """Whether no plane is that fast: by the haversine formula, and for distances that addresses can tell apart."""
        a = _half(after.latitude - before.latitude) + math.cos(math.radians(before.latitude)) * math.cos(
            math.radians(after.latitude)
        ) * _half(after.longitude - before.longitude)
        kilometers = 12742 * math.asin(math.sqrt(a))
        hours = (after.time - before.time) / timedelta(hours=1)
        return before.address != after.address and kilometers > KILOMETERS and kilometers > hours * SPEED


def _half(degrees: float) -> float:
    return math.sin(math.radians(degrees) / 2) ** 2


def _row(one: Visit) -> dict[str, object]:
    place = {
        "geoCoordinates": {"latitude": one.latitude, "longitude": one.longitude},
        "countryOrRegion": one.country,
    }
    return {
        "TimeGenerated": one.time.isoformat(), "UserPrincipalName": one.user, "UserId": f"id-{one.user}", "IPAddress": one.address,
        "ResultType": "0", "LocationDetails": place,
    }  # fmt: skip
