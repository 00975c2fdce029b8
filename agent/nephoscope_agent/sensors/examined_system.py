"""The system as the server's security baseline examines it: configuration files, their rights, and live state."""

from __future__ import annotations

import base64
import json
import zlib

from nephoscope_agent.examined_files import ExaminedFiles
from nephoscope_agent.live_state import read_live_state
from nephoscope_agent.row import Row, Sensor, Values
from nephoscope_agent.sensor_context import SensorContext


class ExaminedSystemSensor(Sensor):
    """Reports no rows: what the server judges is sent whole, when it changed and every six hours."""

    name = "system"
    interval = 4 * 3600.0

    def __init__(self, context: SensorContext) -> None:
        super().__init__(context)
        self._packed = ""

    def collect(self, now: float) -> list[Row]:
        del now
        files = ExaminedFiles(self.context.settings).collect()
        found: Values = {"files": files, "facts": {**read_live_state(), **self.context.protection}}
        content = json.dumps(found, sort_keys=True).encode()
        self._packed = base64.b64encode(zlib.compress(content, 6)).decode()
        return []

    def system(self) -> str:
        return self._packed
