"""The upload API of Sentinel: up to a hundred STIX objects of a source at once; what is wrong with one is told by its index.

Source: https://learn.microsoft.com/azure/sentinel/stix-objects-api (2024-02-01-preview) and
https://learn.microsoft.com/azure/sentinel/upload-indicators-api (2022-07-01), which it replaced.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import make_bad_request_error
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.response import ApiResponse
from nephoscope.api.wire.workspace_lookup import require_workspace
from nephoscope.ingest.threat_intelligence.indicator import BadItemError, IntelItem, read_item
from nephoscope.lake.writing.outbox import deliver_pending_rows
from nephoscope.service.threat_intelligence import WRITE, import_objects

SURFACE = ApiSurface("Threat intelligence upload", "Microsoft.SecurityInsights")
MOST, LONGEST_SOURCE = 100, 200
#: A name that no source may give itself.
_OWN = "microsoft sentinel"
_VERSIONS = ("2.0", "2.1")
_COMMON = ("id", "type", "created", "modified")
#: The kinds that are taken -> what each needs beside what all need.
KINDS = {
    "indicator": ("pattern", "pattern_type", "valid_from"),
    "attack-pattern": ("name",),
    "threat-actor": ("name",),
    "identity": ("name",),
    "relationship": ("relationship_type", "source_ref", "target_ref"),
}


@SURFACE.declare_post_action(
    "/workspaces/{workspaceName}/threat-intelligence-stix-objects:upload",
    "ThreatIntelligence_UploadStixObjects",
    WRITE,
)
def upload_stix_objects(call: ApiCall) -> ApiResponse:
    """Upload STIX objects of a source; 200 with the errors of refused objects, 400 if none could be stored."""
    return _upload_indicators(call, "stixobjects", tuple(KINDS))


@SURFACE.declare_post_action(
    "/workspaces/{workspaceName}/threatintelligenceindicators:upload",
    "ThreatIntelligence_UploadIndicators",
    WRITE,
)
def upload_indicators(call: ApiCall) -> ApiResponse:
    """Upload indicators only, in the format of older clients."""
    return _upload_indicators(call, "indicators", ("indicator",))


def _upload_indicators(call: ApiCall, field: str, kinds: tuple[str, ...]) -> ApiResponse:
    workspace = require_workspace(call, WRITE)
    source, objects, now = _read_source(call), _read_objects(call, field), call.instance.now
    wrong: defaultdict[int, list[str]] = defaultdict(list)
    good: dict[int, IntelItem] = {}
    for index, one in enumerate(objects):
        try:
            wrong[index] += _find_missing_properties(one, kinds)
            if not wrong[index]:
                good[index] = read_item(one, now)
        except BadItemError as error:
            wrong[index].append(f"{error}.")
    kept = import_objects(call.service, workspace, source, good.values())
    for refused in kept.refused:
        index = next(at for at, one in good.items() if one.id == refused.place and not wrong[at])
        wrong[index].append(f"{refused.reason}.")
    deliver_pending_rows(call.instance.lake, call.instance.state)
    errors = [
        {"recordIndex": at, "errorMessages": several} for at, several in sorted(wrong.items()) if several
    ]
    return ApiResponse({"errors": errors} if errors else None, 400 if len(errors) == len(objects) else 200)


def _read_source(call: ApiCall) -> str:
    given = next((value for name, value in call.body.items() if name.lower() == "sourcesystem"), None)
    if not isinstance(given, str) or not 0 < len(given.strip()) <= LONGEST_SOURCE:
        raise make_bad_request_error(
            f"'sourcesystem' must be a string of 1 to {LONGEST_SOURCE} characters.", "sourcesystem"
        )
    if given.strip().lower() == _OWN:
        raise make_bad_request_error(
            f"The name {given.strip()!r} is reserved: choose another source name.", "sourcesystem"
        )
    return given.strip()


def _read_objects(call: ApiCall, field: str) -> list[object]:
    given = call.body.get(field)
    if not isinstance(given, list) or not 0 < len(given) <= MOST:
        raise make_bad_request_error(f"'{field}' must be a list of 1 to {MOST} objects.", field)
    return given


def _find_missing_properties(document: object, kinds: tuple[str, ...]) -> Iterator[str]:
    """Yield what a document lacks to be an object of STIX that is taken, in Sentinel's words."""
    if not isinstance(document, dict):
        yield "An object of STIX is a JSON object."
        return
    kind, version = document.get("type"), document.get("spec_version", "2.1")
    needed = [*_COMMON, *(KINDS.get(kind, ()) if isinstance(kind, str) else ())]
    if version == "2.0":  # its patterns have no type
        needed = [one for one in needed if one != "pattern_type"]
    for name in needed:
        if document.get(name) in (None, ""):
            yield f"Error for Property={name}: Required property is missing. Actual value: NULL."
    if kind and kind not in kinds:
        yield f"Error for Property=type: must be one of {', '.join(kinds)}. Actual value: {str(kind)[:60]}."
    if version not in _VERSIONS:
        yield f"Error for Property=spec_version: must be one of {', '.join(_VERSIONS)}. Actual value: {str(version)[:60]}."
