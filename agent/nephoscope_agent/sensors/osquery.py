"""Results of osquery's scheduled queries, where osquery is installed."""

from __future__ import annotations

import json
import os
from typing import Any

from nephoscope_agent.log_follower import LogFollower
from nephoscope_agent.row import Row, Sensor, SensorUnavailableError, format_time
from nephoscope_agent.sensor_context import SensorContext

_RESULTS = "/var/log/osquery/osqueryd.results.log"


class OsquerySensor(Sensor):
    """Follows the results log of osqueryd; each change of a result is a row of DeviceEvents."""

    name = "osquery"
    interval = 10.0

    def __init__(self, context: SensorContext) -> None:
        super().__init__(context)
        self._path = str(context.settings.resolve_path(_RESULTS))
        self._file = LogFollower(self._path)

    def open(self) -> None:
        if not os.path.exists(self._path):
            raise SensorUnavailableError(f"osquery writes no {_RESULTS}")
        self._file.read()

    def collect(self, now: float) -> list[Row]:
        rows: list[Row] = []
        for line in self._file.read():
            found = _read_line(line, now)
            if found is None:
                self.lost += 1
            else:
                rows += found
        return rows

    @property
    def cursor(self) -> Any:
        return self._file.place

    def restore(self, cursor: Any) -> None:
        self._file.restore(cursor)


def _read_line(line: bytes, now: float) -> list[Row] | None:
    """Return the rows of a line, None for one that is no result."""
    try:
        return _result_rows(json.loads(line), now)
    except (ValueError, TypeError, AttributeError):
        return None


def _result_rows(one: dict[str, Any], now: float) -> list[Row]:
    """The rows of a result: a changed row of its own, or all rows of a snapshot."""
    changes = [(one.get("action", "added"), one.get("columns", {}))]
    if "snapshot" in one:
        changes = [("snapshot", columns) for columns in one["snapshot"]]
    when = format_time(float(one.get("unixTime") or now))
    return [
        Row(
            "DeviceEvents",
            {
                "TimeGenerated": when, "Timestamp": when, "ActionType": "OsqueryResult",
                "AdditionalFields": {"query": one.get("name", ""), "action": action, "columns": columns},
            },
        )
        for action, columns in changes
    ]  # fmt: skip
