"""The system as the server's security baseline examines it: configuration files, their rights, and live state."""

from __future__ import annotations

import base64
import json
import zlib

from nephoscope_agent.azure_metadata import read_host_encryption
from nephoscope_agent.examined_files import ExaminedFiles
from nephoscope_agent.live_state import read_live_state
from nephoscope_agent.row import Row, Sensor, Values
from nephoscope_agent.sensor_context import SensorContext

#: Bytes of a system, packed and not, which the server takes beside facts and health.
MOST_PACKED, MOST_UNPACKED = 5 << 20, 90 << 20


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
        facts = {**read_live_state(), **self.context.protection}
        if (told := read_host_encryption(self.context.settings.resource)) is not None:
            facts["isEncryptedAtHost"] = told
        found: Values = {"files": files, "facts": facts}
        self._packed = pack_system(found)
        return []

    def collect_system(self) -> str:
        return self._packed


def pack_system(found: Values, most: int = MOST_PACKED) -> str:
    """Return files and live state for the server; the longest texts are left out, with the reason, until it takes the report."""
    entries = found["files"]["entries"].values()
    texts = sorted((one for one in entries if "text" in one), key=lambda one: len(one["text"]))
    while True:
        content = json.dumps(found, sort_keys=True).encode()
        packed = base64.b64encode(zlib.compress(content, 6)).decode()
        if (len(packed) <= most and len(content) <= MOST_UNPACKED) or not texts:
            return packed
        longest = texts.pop()
        del longest["text"]
        longest["reason"] = "it is too large for the report of an agent"
