"""Sensors: a kind of observation a file; each file exports a class `Sensor...` and is found by scanning this folder."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

from nephoscope_agent.row import Sensor

if TYPE_CHECKING:
    from nephoscope_agent.sensor_context import SensorContext


def sensor_classes() -> list[type[Sensor]]:
    """Return the sensors of this folder, by the names of their files."""
    found: list[type[Sensor]] = []
    for info in sorted(pkgutil.iter_modules(__path__), key=lambda one: one.name):
        module = importlib.import_module(f"{__name__}.{info.name}")
        found += [
            one
            for one in vars(module).values()
            if isinstance(one, type)
            and issubclass(one, Sensor)
            and one.__module__ == module.__name__
            and hasattr(one, "name")
        ]
    return found


def build_sensors(context: SensorContext) -> list[Sensor]:
    """Return a sensor of each class, with the intervals of the settings, but for those that are disabled."""
    found = []
    for one in sensor_classes():
        if one.name in context.settings.disabled:
            continue
        sensor = one(context)
        sensor.interval = context.settings.intervals.get(one.name, sensor.interval)
        found.append(sensor)
    return found
