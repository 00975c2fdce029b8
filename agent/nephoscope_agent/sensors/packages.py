"""Installed packages: all of them once a day, and what changes within a minute."""

from __future__ import annotations

import os
from typing import Any

from nephoscope_agent.package_managers import HostPackage, find_manager
from nephoscope_agent.program_runner import ProgramError
from nephoscope_agent.row import Row, Sensor, SensorUnavailableError, format_time
from nephoscope_agent.sensor_context import SensorContext

_DAY = 86_400.0


class PackagesSensor(Sensor):
    """Rows of ConfigurationData for software, and of ConfigurationChange for what was added, removed or updated."""

    name = "packages"
    interval = 30.0

    def __init__(self, context: SensorContext) -> None:
        super().__init__(context)
        self._stamp: tuple[int, ...] = ()
        self._whole = 0.0
        self._known: dict[str, str] | None = None

    def open(self) -> None:
        self._manager = find_manager(self.context.settings)
        if self._manager is None:
            raise SensorUnavailableError(
                "no supported package manager found: neither a dpkg nor an rpm database"
            )

    def collect(self, now: float) -> list[Row]:
        assert self._manager is not None
        stamp = self._read_database_stamp()
        if stamp == self._stamp and now - self._whole < _DAY:
            return []
        try:
            found = {
                f"{one.name}:{one.architecture}": one
                for one in self._manager.list_packages(self.context.settings)
            }
        except (OSError, ProgramError) as error:
            raise SensorUnavailableError(f"the packages cannot be listed: {error}") from error
        rows = self._changes(found, now)
        if now - self._whole >= _DAY:
            rows += [Row("ConfigurationData", _build_software_row(one, now)) for one in found.values()]
            self._whole = now
        self._stamp, self._known = stamp, {key: one.version for key, one in found.items()}
        return rows

    def _changes(self, found: dict[str, HostPackage], now: float) -> list[Row]:
        """What changed since the packages were last listed; nothing the first time."""
        if self._known is None:
            return []
        rows = []
        for key in sorted(found.keys() | self._known.keys()):
            package, before = found.get(key), self._known.get(key)
            if package is None:
                rows.append(
                    _build_change(
                        "Removed",
                        HostPackage(key.rpartition(":")[0], before or "", key.rpartition(":")[2]),
                        before,
                        now,
                    )
                )
            elif before is None:
                rows.append(_build_change("Added", package, None, now))
            elif before != package.version:
                rows.append(_build_change("Modified", package, before, now))
        return rows

    def _read_database_stamp(self) -> tuple[int, ...]:
        """What of the database changes with every change of packages."""
        assert self._manager is not None
        path = self._manager.find_database(self.context.settings)
        paths = (
            [path] if os.path.isfile(path) else [os.path.join(path, one) for one in sorted(os.listdir(path))]
        )
        found = []
        for one in paths:
            if not one.endswith(("-shm", ".lock")):
                status = os.stat(one)
                found += [status.st_mtime_ns, status.st_size, status.st_ino]
        return tuple(found)

    @property
    def cursor(self) -> Any:
        return {"known": self._known, "whole": self._whole}

    def restore(self, cursor: Any) -> None:
        self._known, self._whole = cursor["known"], cursor["whole"]


def _build_software_row(package: HostPackage, now: float) -> dict[str, Any]:
    return {
        "TimeGenerated": format_time(now),
        "ConfigDataType": "Software",
        "SoftwareType": "Package",
        "SoftwareName": package.name,
        "CurrentVersion": package.version,
        "Architecture": package.architecture,
        "Publisher": package.publisher,
        "SoftwareDescription": package.description,
    }


def _build_change(kind: str, package: HostPackage, before: str | None, now: float) -> Row:
    return Row(
        "ConfigurationChange",
        {
            "TimeGenerated": format_time(now),
            "ConfigChangeType": "Software",
            "ChangeCategory": kind,
            "SoftwareType": "Package",
            "SoftwareName": package.name,
            "Current": "" if kind == "Removed" else package.version,
            "Previous": before or "",
            "Publisher": package.publisher,
        },
    )
