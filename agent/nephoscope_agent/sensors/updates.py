"""Pending updates, and their count as an assessment of patches among external facts."""

from __future__ import annotations

from collections import Counter

from nephoscope_agent.package_managers import AvailableUpdate, UpdateList, UpdatesUnknownError, find_manager
from nephoscope_agent.row import FactDocument, Row, Sensor, SensorUnavailableError, format_time
from nephoscope_agent.sensor_context import SensorContext

#: Seconds that the lists of repositories vouch for there being no more updates.
_LISTS_HOLD = 3 * 86_400.0


class UpdatesSensor(Sensor):
    """Rows of Update, and the document patchAssessmentResults/latest."""

    name = "updates"
    interval = 4 * 3600.0

    def __init__(self, context: SensorContext) -> None:
        super().__init__(context)
        self._found: UpdateList | None = None
        self._when = 0.0

    def open(self) -> None:
        self._manager = find_manager(self.context.settings)
        if self._manager is None:
            raise SensorUnavailableError("no database of dpkg or rpm with a known package manager")

    def collect(self, now: float) -> list[Row]:
        assert self._manager is not None
        self._found = None
        try:
            found: UpdateList = self._manager.list_updates(self.context.settings)
        except UpdatesUnknownError as error:
            self.limits[:] = [f"pending updates are not known: {error}"]
            return []
        self.limits[:] = []
        if found.fetched is None or now - found.fetched > _LISTS_HOLD:
            self.limits.append(
                "the lists of the repositories are older than three days: updates may be missing"
            )
        self._found, self._when = found, now
        return [Row("Update", self._row(one, now)) for one in found.updates]

    def collect_facts(self) -> dict[str, list[FactDocument]]:
        if self._found is None:
            return {}
        counts = Counter(one.classification.lower() for one in self._found.updates)
        properties: dict[str, object] = {
            "status": "Succeeded",
            "osType": "Linux",
            "startDateTime": format_time(self._when),
            "lastModifiedDateTime": format_time(self._when),
            "startedBy": "Platform",
            "patchServiceUsed": {"apt": "APT", "zypper": "Zypper"}.get(_read_manager_name(self._manager), "YUM"),
            "availablePatchCountByClassification": {
                "security": counts["security"], "critical": counts["critical"], "other": counts["other"],
            },
            "assessedUntil": format_time((self._found.fetched or 0.0) + _LISTS_HOLD),
        }  # fmt: skip
        kind = self.context.settings.resource.split("/providers/")[-1].rsplit("/", 1)[0]
        return {
            f"{kind}/patchAssessmentResults": [
                FactDocument("/patchAssessmentResults/latest", {"properties": properties})
            ]
        }

    def _row(self, one: AvailableUpdate, now: float) -> dict[str, object]:
        machine = self.context.machine
        return {
            "TimeGenerated": format_time(now),
            "OSType": "Linux",
            "OSName": machine.os_id,
            "OSFullName": machine.os_name,
            "OSVersion": machine.os_version,
            "Title": one.name,
            "Product": one.name,
            "ProductVersion": one.version,
            "ProductArch": machine.architecture,
            "Classification": {"Security": "Security Updates", "Critical": "Critical Updates"}.get(
                one.classification, "Others"
            ),
            "BulletinID": one.advisory,
            "PackageRepository": one.repository,
            "UpdateState": "Needed",
        }


def _read_manager_name(module: object) -> str:
    return str(getattr(module, "__name__", "")).rpartition(".")[2]
