"""Settings of file integrity monitoring of a host: rules and maintenance windows."""

from __future__ import annotations

from datetime import datetime

import msgspec

from nephoscope.protect.files.monitored_paths import PathRule, list_recommended_paths


class MonitoringSettingsError(ValueError):
    """Settings that cannot be meant: the message has the place and the reason."""


class MaintenanceWindow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A time in which changes are expected, and why; `every_days` repeats it (0: never)."""

    starts: datetime
    ends: datetime
    reason: str = ""
    every_days: int = 0

    def contains(self, now: datetime) -> bool:
        """Return whether a time lies in the window or in one of its repetitions."""
        if now < self.starts:
            return False
        if not self.every_days:
            return now < self.ends
        past = (now - self.starts).total_seconds() % (self.every_days * 86_400)
        return past < (self.ends - self.starts).total_seconds()


class MonitoringSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rules and maintenance windows of a host."""

    rules: tuple[PathRule, ...] = msgspec.field(default_factory=lambda: list_recommended_paths("linux"))
    windows: tuple[MaintenanceWindow, ...] = ()

    def find_window(self, now: datetime) -> MaintenanceWindow | None:
        """Return the maintenance window of a time, None outside of one."""
        return next((one for one in self.windows if one.contains(now)), None)


def read_settings(data: bytes) -> MonitoringSettings:
    """Return the settings of a JSON text; raises MonitoringSettingsError."""
    try:
        found = msgspec.json.decode(data, type=MonitoringSettings)
    except msgspec.DecodeError as error:
        raise MonitoringSettingsError(str(error)) from error
    for number, rule in enumerate(found.rules):
        if not rule.path.startswith("/") or ".." in rule.path.split("/"):
            raise MonitoringSettingsError(
                f"rules[{number}].path must be an absolute path without .. (got {rule.path!r})"
            )
    for number, window in enumerate(found.windows):
        if window.starts.tzinfo is None or window.ends.tzinfo is None:
            raise MonitoringSettingsError(
                f"windows[{number}]: times need a time zone, as in 2026-11-29T10:00:00Z"
            )
        if window.ends <= window.starts:
            raise MonitoringSettingsError(f"windows[{number}].ends must be after starts")
    return found
