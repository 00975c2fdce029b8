"""Kernel modules that are loaded."""

from __future__ import annotations

from nephoscope_agent.inventory_sensor import InventorySensor, configuration, device_event
from nephoscope_agent.row import Row, SensorUnavailableError, Values


class KernelModulesSensor(InventorySensor):
    """Compares /proc/modules."""

    name = "kernel_modules"
    interval = 30.0

    def read(self) -> dict[str, Values]:
        try:
            with open("/proc/modules", encoding="ascii") as file:
                lines = [line.split() for line in file]
        except OSError as error:
            raise SensorUnavailableError(f"/proc/modules: {error.strerror}") from error
        return {
            words[0]: {"name": words[0], "size": int(words[1]), "taint": words[6] if len(words) > 6 else ""}
            for words in lines
        }

    def describe(self, values: Values) -> list[Row]:
        return [
            configuration(
                "KernelModules", values["name"], Size=values["size"], SvcDescription=values["taint"]
            )
        ]

    def describe_change(self, before: Values | None, after: Values | None) -> list[Row]:
        values = after or before or {}
        action = "DriverLoad" if before is None else "DriverUnload" if after is None else ""
        if not action:  # its size in memory alone
            return []
        return [
            device_event(
                action,
                FileName=values["name"],
                FileSize=values["size"],
                AdditionalFields={"taint": values["taint"]},
            )
        ]
