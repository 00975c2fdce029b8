"""Microsoft.Security: security of the internet of things, kept as documents; no device is watched here.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/iot-security-solution (2019-08-01), device-security-groups (2019-08-01)
"""

from __future__ import annotations

from nephoscope.api.wire.kept import Kind, declare
from nephoscope.api.wire.operation import Surface

SURFACE = Surface("Internet of things", "Microsoft.Security")
EFFECT = "No device is watched by it here."

for _word, _operations, _created, _patched in (
    ("iotSecuritySolutions", "IotSecuritySolution", 201, True),
    ("iotSensors", "IotSensors", 201, False),
    ("iotSites", "IotSites", 201, False),
    ("iotDefenderSettings", "IotDefenderSettings", 201, False),
    ("onPremiseIotSensors", "OnPremiseIotSensors", 201, False),
    ("deviceSecurityGroups", "DeviceSecurityGroups", 201, False),
):
    declare(
        SURFACE,
        Kind(
            f"Microsoft.Security/{_word}", _operations, EFFECT, created=_created, patched=_patched, whole=True
        ),
    )
