"""Microsoft.Security/applicationWhitelistings: groups of machines with what may run on them (adaptive application controls).

Source: https://learn.microsoft.com/rest/api/defenderforcloud/adaptive-application-controls (2020-01-01)
"""

from __future__ import annotations

from nephoscope.api.wire.azure_error import bad
from nephoscope.api.wire.document_kinds import ArmDocumentKind, Body, declare
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.surface_request import ApiCall

SURFACE = ApiSurface("Adaptive application controls", "Microsoft.Security")
TYPE = "Microsoft.Security/locations/applicationWhitelistings"
EVERYONE = "S-1-1-0"
"""The well-known security identifier of everybody."""
FILE_TYPES = {
    "exe": "Exe",
    "dll": "Dll",
    "msi": "Msi",
    "ps1": "Script",
    "bat": "Script",
    "cmd": "Script",
    "vbs": "Script",
    "js": "Script",
}
MODES = ("Audit", "Enforce", "None")


def check(body: Body) -> None:
    """Fault where a mode is none that there is."""
    properties = body["properties"]
    mode = properties.get("enforcementMode")
    if mode is not None and mode not in MODES:
        raise bad(f"enforcementMode must be one of {', '.join(MODES)}.", "properties.enforcementMode")
    protection = properties.get("protectionMode") or {}
    if not isinstance(protection, dict) or any(one not in MODES for one in protection.values()):
        raise bad(f"Each protection mode must be one of {', '.join(MODES)}.", "properties.protectionMode")
    for name in ("vmRecommendations", "pathRecommendations"):
        several = properties.get(name) or []
        if not isinstance(several, list) or not all(isinstance(one, dict) for one in several):
            raise bad(f"'{name}' must be a list of objects.", f"properties.{name}")


def make_group(call: ApiCall, body: Body, _: Body | None) -> Body:
    """Return what people put is theirs: nothing recommends it, and no machine is told of it yet."""
    told = {
        "recommendationStatus": "NotRecommended",
        "configurationStatus": "NotConfigured",
        "sourceSystem": "None",
        "issues": [],
        "vmRecommendations": [],
        "pathRecommendations": [],
    }
    properties = {**told, **body["properties"]}
    properties["pathRecommendations"] = [_path(one) for one in properties["pathRecommendations"]]
    return {**body, "location": call["locationsName"], "properties": properties}


def _path(one: Body) -> Body:
    """A rule of a path with what it does not say: it is for everyone, and for the kind of file that its name ends with."""
    ending = str(one.get("path") or "").rpartition(".")[2].lower()
    told = {
        "usernames": [{"username": "Everyone", "recommendationAction": "Recommended"}],
        "userSids": [EVERYONE],
        "fileType": FILE_TYPES.get(ending, "Unknown"),
        "configurationStatus": "NotConfigured",
    }
    return {**told, **one}


declare(
    SURFACE,
    ArmDocumentKind(
        TYPE,
        "AdaptiveApplicationControls",
        "No machine is told of it from here.",
        check=check,
        made=make_group,
        created=200,
    ),
)
