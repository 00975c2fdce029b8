"""Microsoft.SecurityInsights/threatIntelligence: indicators that rules match logs with; each is kept as a STIX 2.1 object.

Source: https://learn.microsoft.com/rest/api/securityinsights/threat-intelligence-indicator (2023-11-01)
"""

from __future__ import annotations

import uuid
from typing import Any

from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import make_bad_request_error, make_not_found_error, translate_errors
from nephoscope.api.wire.body_schema import (
    accept_text,
    check_datetime,
    declare_array,
    declare_integer,
    declare_object,
    parse_boolean,
    read,
)
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.response import NO_CONTENT, ApiResponse, answer_list, read_page_place
from nephoscope.api.wire.workspace_lookup import WORKSPACE, build_workspace_path, require_workspace
from nephoscope.files.json_tree import get_list
from nephoscope.ingest.threat_intelligence.indicator import BadItemError, read_item
from nephoscope.lake.writing.outbox import deliver_pending_rows
from nephoscope.service.threat_intelligence import DELETE, READ, WRITE, put_object, revoke_objects
from nephoscope.state.ingestion.threat_intelligence import Intel

SURFACE = ApiSurface("Threat intelligence", "Microsoft.SecurityInsights")
TYPE = "Microsoft.SecurityInsights/threatIntelligence"
_MAIN = f"{WORKSPACE}/providers/{TYPE}/main"
_LIST = f"{_MAIN}/indicators"
_ONE = f"{_LIST}/{{name}}"
KIND, SOURCE = "indicator", "nephoscope API"
#: The version that did not tell of what a pattern consists.
UNPARSED = "2019-01-01-preview"
MOST = 10_000
#: Azure's name of a field -> the one of STIX.
_FIELDS = {
    "displayName": "name", "description": "description", "confidence": "confidence", "pattern": "pattern",
    "validFrom": "valid_from", "validUntil": "valid_until", "revoked": "revoked", "threatIntelligenceTags": "labels",
    "threatTypes": "indicator_types", "createdByRef": "created_by_ref", "externalReferences": "external_references",
    "killChainPhases": "kill_chain_phases", "granularMarkings": "granular_markings", "language": "lang",
    "objectMarkingRefs": "object_marking_refs",
}  # fmt: skip
#: What Azure calls the pattern by: the kind of what it observes; kept beside the STIX object, whose pattern is always STIX.
_OWN = "x_nephoscope_pattern_type"


@SURFACE.get(_LIST, "ThreatIntelligenceIndicators_List", READ)
def list_(call: ApiCall) -> ApiResponse:
    """List the valid indicators of a workspace, the newest first."""
    found = _list_all_indicators(call, require_workspace(call, READ))
    start, most = read_page_place(call), call.read_requested_count(1000)
    page = [build_body(call, one) for one in found[start : start + most]]
    return answer_list(call, page, str(start + most) if len(found) > start + most else "")


@SURFACE.get(_ONE, "ThreatIntelligenceIndicator_Get", READ)
def get(call: ApiCall) -> ApiResponse:
    """Get an indicator."""
    return ApiResponse(build_body(call, _require_indicator(call, require_workspace(call, READ))))


@SURFACE.declare_post_action(f"{_MAIN}/createIndicator", "ThreatIntelligenceIndicator_CreateIndicator", WRITE)
def create(call: ApiCall) -> ApiResponse:
    """Create an indicator; the server assigns its ID."""
    workspace = require_workspace(call, WRITE)
    return ApiResponse(_keep_indicator(call, workspace, str(uuid.uuid4()), None))


@SURFACE.put(_ONE, "ThreatIntelligenceIndicator_Create", WRITE)
def put(call: ApiCall) -> ApiResponse:
    """Create or replace an indicator; rules match it immediately."""
    workspace = require_workspace(call, WRITE)
    known = call.instance.state.intel.get(workspace, _format_id(call["name"]))
    return ApiResponse(_keep_indicator(call, workspace, call["name"], known), 200 if known else 201)


@SURFACE.delete(_ONE, "ThreatIntelligenceIndicator_Delete", DELETE)
def delete(call: ApiCall) -> ApiResponse:
    """Delete an indicator: rules no longer match it; 204 if it does not exist."""
    workspace = require_workspace(call, DELETE)
    known = call.instance.state.intel.get(workspace, _format_id(call["name"]))
    if known is None or known.withdrawn:
        return NO_CONTENT
    revoke_objects(call.service, workspace, [known.id])
    deliver_pending_rows(call.instance.lake, call.instance.state)
    return ApiResponse(None)


@SURFACE.declare_post_query(f"{_MAIN}/queryIndicators", "ThreatIntelligenceIndicator_QueryIndicators", READ)
def query(call: ApiCall) -> ApiResponse:
    """List the indicators that match all given IDs, keywords, sources, pattern types and confidences."""
    found = [build_body(call, one) for one in _list_all_indicators(call, require_workspace(call, READ))]
    size = call.body.get("pageSize") or 100
    if not isinstance(size, int) or not 0 < size <= MOST:
        raise make_bad_request_error(f"pageSize must be a whole number from 1 to {MOST}.", "pageSize")
    return answer_list(
        call, [one for one in found if _matches_query(call, one["properties"], one["name"])][:size]
    )


@SURFACE.declare_post_action(f"{_ONE}/appendTags", "ThreatIntelligenceIndicator_AppendTags", WRITE)
def append_tags(call: ApiCall) -> ApiResponse:
    """Add tags to an indicator."""
    known = _require_indicator(call, require_workspace(call, WRITE))
    tags = _read_tags(call.body.get("threatIntelligenceTags"))
    labels = list(dict.fromkeys([*get_list(known.document, "labels"), *tags]))
    return ApiResponse(_store_indicator(call, known.workspace, {**known.document, "labels": labels}, known))


@SURFACE.declare_post_action(f"{_ONE}/replaceTags", "ThreatIntelligenceIndicator_ReplaceTags", WRITE)
def replace_tags(call: ApiCall) -> ApiResponse:
    """Replace the tags of an indicator."""
    known = _require_indicator(call, require_workspace(call, WRITE))
    properties = call.body.get("properties")
    tags = _read_tags(properties.get("threatIntelligenceTags") if isinstance(properties, dict) else None)
    return ApiResponse(_store_indicator(call, known.workspace, {**known.document, "labels": tags}, known))


@SURFACE.get(f"{_MAIN}/metrics", "ThreatIntelligenceIndicatorMetrics_List", READ)
def count_indicators(call: ApiCall) -> ApiResponse:
    """Count the indicators by pattern type, threat type and source."""
    found = [
        build_body(call, one)["properties"]
        for one in _list_all_indicators(call, require_workspace(call, READ))
    ]

    def count_values(values: list[str]) -> list[dict[str, object]]:
        return [{"metricName": one, "metricValue": values.count(one)} for one in sorted(set(values))]

    properties = {
        "lastUpdatedTimeUtc": call.instance.now.isoformat(),
        "threatTypeMetrics": count_values([kind for one in found for kind in one.get("threatTypes", [])]),
        "patternTypeMetrics": count_values([one["patternType"] for one in found]),
        "sourceMetrics": count_values([one["source"] for one in found]),
    }
    return ApiResponse({"value": [{"properties": properties}]})


def _format_id(name: str) -> str:
    """The STIX id of a name, which is a GUID."""
    try:
        return f"{KIND}--{uuid.UUID(name)}"
    except ValueError as error:
        raise make_bad_request_error("The name of an indicator must be a GUID.", "name") from error


def _list_all_indicators(call: ApiCall, workspace: str) -> list[Intel]:
    return call.instance.state.intel.list_newest(workspace, kind=KIND, most=MOST)


def _require_indicator(call: ApiCall, workspace: str) -> Intel:
    found = call.instance.state.intel.get(workspace, _format_id(call["name"]))
    if found is None or found.withdrawn:
        raise make_not_found_error(f"The indicator '{call['name']}'")
    return found


def _read_tags(given: object) -> list[str]:
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise make_bad_request_error(
            "'threatIntelligenceTags' must be a list of strings.", "threatIntelligenceTags"
        )
    return given


def _read_time(value: object, path: str) -> str:
    """A time; clients send '' where none is meant."""
    return "" if value == "" else check_datetime(value, path)


_TEXTS, _OBJECTS = declare_array(accept_text()), declare_array(declare_object({}))
SHAPE = declare_object(
    {"pattern": accept_text(least=1), "patternType": accept_text(least=1)},
    {
        **dict.fromkeys(
            ("displayName", "description", "source", "patternVersion", "createdByRef", "language"),
            accept_text(),
        ),
        **dict.fromkeys(("threatTypes", "threatIntelligenceTags", "labels", "objectMarkingRefs"), _TEXTS),
        **dict.fromkeys(("externalReferences", "granularMarkings"), _OBJECTS),
        **dict.fromkeys(("validFrom", "validUntil", "created", "modified"), _read_time),
        "killChainPhases": declare_array(
            declare_object({}, {"killChainName": accept_text(), "phaseName": accept_text()})
        ),
        "confidence": declare_integer(0, 100),
        "revoked": parse_boolean,
    },
)


def _keep_indicator(call: ApiCall, workspace: str, name: str, known: Intel | None) -> dict[str, object]:
    if str(call.body.get("kind", "")).lower() != KIND:
        raise make_bad_request_error(
            "Only threat intelligence of kind 'indicator' can be created or updated.", "kind"
        )
    properties = read(SHAPE, call.body)["properties"]
    document: dict[str, Any] = {
        "type": KIND,
        "spec_version": "2.1",
        "id": _format_id(name),
        "pattern_type": "stix",
    }
    document |= {
        stix: properties[own] for own, stix in _FIELDS.items() if properties.get(own) not in (None, "", [])
    }
    document[_OWN] = properties.get("patternType") or ""
    document["created"] = known.document.get("created") if known else call.instance.now.isoformat()
    return _store_indicator(call, workspace, document, known, str(properties.get("source") or SOURCE))


def _store_indicator(
    call: ApiCall, workspace: str, document: dict[str, object], known: Intel | None, source: str = ""
) -> dict[str, Any]:
    """Keep an indicator in its newest version, and give it as the API shows it."""
    now = call.instance.now
    document["modified"] = now.isoformat()
    document.setdefault("valid_from", now.isoformat())
    if known is not None:
        # it stays the object of its source and its creator, whose newer versions replace it
        document["id"], source = known.stix, known.source
        if maker := known.document.get("created_by_ref"):
            document["created_by_ref"] = maker
    with translate_errors("properties", BadItemError):
        made = read_item(document, now)
    kept = put_object(call.service, workspace, source or SOURCE, made, known)
    deliver_pending_rows(call.instance.lake, call.instance.state)
    return build_body(call, kept)


def _matches_query(call: ApiCall, one: dict[str, Any], name: str) -> bool:
    asked = call.body

    def matches_field(field: str, values: list[str]) -> bool:
        given = asked.get(field) or []
        return not given or any(value in given for value in values)

    text = f"{one['displayName']} {one['description']} {one['pattern']}".lower()
    words = asked.get("keywords")
    several = [words] if isinstance(words, str) else list(words or [])
    return (
        matches_field("ids", [name])
        and matches_field("sources", [one["source"]])
        and matches_field("patternTypes", [one["patternType"]])
        and matches_field("threatTypes", list(one["threatTypes"]))
        and all(str(word).lower() in text for word in several)
        and _has_wanted_confidence(asked, one["confidence"])
    )


def _has_wanted_confidence(asked: dict[str, object], confidence: int) -> bool:
    least, most = asked.get("minConfidence"), asked.get("maxConfidence")
    return (not isinstance(least, int) or confidence >= least) and (
        not isinstance(most, int) or confidence <= most
    )


def build_body(call: ApiCall, one: Intel) -> dict[str, Any]:
    """An indicator in the shape of the API."""
    document, name = one.document, one.id.partition("--")[2]
    kinds = [key.partition(":")[0] for key, _ in one.observables]
    first = call.get_query_value("api-version") == UNPARSED
    properties = {
        "source": one.source,
        "displayName": document.get("name", ""),
        "description": document.get("description", ""),
        "confidence": one.confidence or 0,
        "created": document.get("created", ""),
        "lastUpdatedTimeUtc": one.modified.isoformat(),
        "externalId": one.id,
        "pattern": document.get("pattern", ""),
        "patternType": document.get(_OWN) or (kinds[0] if kinds else ""),
        **({} if first else {"parsedPattern": [{"patternTypeKey": kind} for kind in dict.fromkeys(kinds)]}),
        "revoked": one.revoked,
        "threatIntelligenceTags": document.get("labels") or [],
        "threatTypes": document.get("indicator_types") or [],
        "validFrom": document.get("valid_from", ""),
        "externalReferences": document.get("external_references") or [],
        "killChainPhases": document.get("kill_chain_phases") or [],
        "granularMarkings": document.get("granular_markings") or [],
    }
    optional = (
        "validUntil",
        "createdByRef",
        "language",
        "objectMarkingRefs",
    )
    properties |= {own: document[_FIELDS[own]] for own in optional if _FIELDS[own] in document}
    id_ = f"{build_workspace_path(call, one.workspace)}/threatIntelligence/{name}"
    etag = f'"{one.digest[:16]}"'
    return {"id": id_, "name": name, "type": TYPE, "etag": etag, "kind": KIND, "properties": properties}
