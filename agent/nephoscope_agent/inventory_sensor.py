"""Inventory sensors: a state that is read whole, told once a day, and compared with what it was before."""

from __future__ import annotations

from typing import Any

from nephoscope_agent.row import Row, Sensor, Values, format_time
from nephoscope_agent.sensor_context import SensorContext

_DAY = 86_400.0


class InventorySensor(Sensor):
    """Compares what `read` returns with the time before; the first time nothing is a change."""

    interval = 60.0

    def __init__(self, context: SensorContext) -> None:
        super().__init__(context)
        self._known: dict[str, Values] | None = None
        self._whole = 0.0

    def read(self) -> dict[str, Values]:
        """Return what exists, by a key that stays the same. Raises SensorUnavailableError."""
        raise NotImplementedError

    def describe(self, values: Values) -> list[Row]:
        """Return the rows of a thing in the list of everything."""
        raise NotImplementedError

    def describe_change(self, before: Values | None, after: Values | None) -> list[Row]:
        """Return the rows of a change: None is what does not exist."""
        raise NotImplementedError

    def collect(self, now: float) -> list[Row]:
        """Return the changes, and everything once a day."""
        found = self.read()
        rows: list[Row] = []
        if self._known is not None:
            for key in sorted(found.keys() | self._known.keys()):
                before, after = self._known.get(key), found.get(key)
                if before != after:
                    rows += self.describe_change(before, after)
        if now - self._whole >= _DAY:
            rows += [row for values in found.values() for row in self.describe(values)]
            self._whole = now
        self._known = found
        return [Row(row.table, {"TimeGenerated": format_time(now), **row.values}) for row in rows]

    @property
    def cursor(self) -> Any:
        """What was known, and when all was told."""
        return {"known": self._known, "whole": self._whole}

    def restore(self, cursor: Any) -> None:
        """Continue from what was known."""
        self._known, self._whole = cursor["known"], cursor["whole"]


def configuration(kind: str, name: str, **values: Any) -> Row:
    """Return a row of ConfigurationData."""
    return Row("ConfigurationData", {"ConfigDataType": kind, "SvcName": name, **values})


def configuration_change(
    kind: str, name: str, before: Values | None, after: Values | None, **values: Any
) -> Row:
    """Return a row of ConfigurationChange with the texts of before and after."""
    change = "Added" if before is None else "Removed" if after is None else "Modified"
    return Row(
        "ConfigurationChange",
        {
            "ConfigChangeType": kind, "ChangeCategory": change, "SvcName": name, "Previous": _format_text(before),
            "Current": _format_text(after),
            **values,
        },
    )  # fmt: skip


def device_event(action: str, **values: Any) -> Row:
    """Return a row of DeviceEvents."""
    return Row("DeviceEvents", {"ActionType": action, **values})


def _format_text(values: Values | None) -> str:
    return "" if values is None else ", ".join(f"{name}={value}" for name, value in values.items())
