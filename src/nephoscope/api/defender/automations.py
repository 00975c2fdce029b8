"""Microsoft.Security/automations: what is to be done when something is found, kept as documents.

The address of a Logic App and the connection string of an event hub are secrets: they are kept as credentials and shown in no answer.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/automations (2019-01-01-preview)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from math import isfinite

from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.automation_errors import translate_automation_errors
from nephoscope.api.wire.azure_error import ApiError, make_bad_request_error
from nephoscope.api.wire.body_schema import (
    Shape,
    accept_anything,
    accept_text,
    choose_by_member,
    declare_array,
    declare_enumeration,
    declare_object,
    parse_boolean,
)
from nephoscope.api.wire.document_kinds import ArmDocumentKind, Body, declare_document_operations
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.response import ApiResponse
from nephoscope.automation.condition import ORDERED
from nephoscope.automation.event_kinds import AZURE_SOURCES
from nephoscope.automation.rule_formats.security_actions import (
    list_secret_names,
    list_secrets,
    map_secret_names,
)
from nephoscope.automation.rule_formats.security_automations import OPERATORS
from nephoscope.service.automations import check_actions, describe_author, prepare_automation

SURFACE = ApiSurface("Automations", "Microsoft.Security")
TYPE = "Microsoft.Security/automations"


def _check_rule(value: object, path: str) -> Body:
    """A condition: what is expected is of the type that it is compared as."""
    found: Body = _CONDITION(value, path)
    kind = found.get("propertyType") or "String"
    if found["operator"] in ORDERED and kind == "String":
        kind = "Number"
    said = str(found["expectedValue"])
    if not _EXPECTED[kind](said):
        raise make_bad_request_error(
            f"{said!r:.60} is not a {kind}, which the comparison requires.", f"{path}.expectedValue"
        )
    return found


def _is_numeric(said: str) -> bool:
    try:
        return isfinite(float(said))
    except ValueError:
        return False


_EXPECTED: Mapping[str, Callable[[str], bool]] = {
    "String": lambda _: True,
    "Integer": lambda said: re.fullmatch(r"\s*[+-]?\d+\s*", said, re.ASCII) is not None,
    "Number": _is_numeric,
    "Boolean": lambda said: said.strip().lower() in ("true", "false"),
}
_CONDITION = declare_object(
    {
        "propertyJPath": accept_text(least=1),
        "operator": declare_enumeration(*OPERATORS),
        "expectedValue": accept_anything,
    },
    {"propertyType": declare_enumeration(*_EXPECTED)},
)


def _build_id_shape(type_: str, kind: str) -> Shape:
    """The id of a resource of a type, which may be below another of its provider."""
    provider, *words_ = type_.split("/")
    names = "/".join(f"{re.escape(one)}/[^/]+" for one in words_)
    return accept_text(
        rf"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/{re.escape(provider)}/{names}/?",
        f"the id of {kind}",
    )


_SOURCE = declare_object(
    {"eventSource": declare_enumeration(*AZURE_SOURCES)},
    {"ruleSets": declare_array(declare_object({}, {"rules": declare_array(_check_rule)}))},
)
_ACTION = choose_by_member(
    "actionType",
    {
        "LogicApp": declare_object(
            {"logicAppResourceId": _build_id_shape("Microsoft.Logic/workflows", "a Logic App")},
            {"uri": accept_text()},
        ),
        "EventHub": declare_object(
            {
                "eventHubResourceId": _build_id_shape(
                    "Microsoft.EventHub/namespaces/eventhubs", "an event hub"
                )
            },
            {"connectionString": accept_text(), "sasPolicyName": accept_text()},
        ),
        "Workspace": declare_object(
            {
                "workspaceResourceId": _build_id_shape(
                    "Microsoft.OperationalInsights/workspaces", "a workspace"
                )
            }
        ),
    },
)
SHAPE = declare_object(
    {"sources": declare_array(_SOURCE, least=1), "actions": declare_array(_ACTION, least=1)},
    {
        "description": accept_text(),
        "isEnabled": parse_boolean,
        "scopes": declare_array(declare_object({"scopePath": accept_text()}, {"description": accept_text()})),
    },
)


def _seal_secrets(call: ApiCall, body: Body, before: Body | None) -> Body:
    """The document without its secrets, which are kept as credentials."""
    with translate_automation_errors():
        kept = prepare_automation(call.service, body, list_secrets(call.body), before)
    sources = [{"ruleSets": [], **one} for one in body["properties"].get("sources") or ()]
    own_properties = {"sources": sources, "metadata": describe_author(call.service, before)}
    return {**kept, "properties": {**kept["properties"], **own_properties}}


def _build_key(call: ApiCall) -> str:
    return call.path.rstrip("/").lower()


def _map_credential_names(call: ApiCall) -> dict[str, str]:
    return map_secret_names(_build_key(call), list_secrets(call.body))


def _list_stored_credentials(call: ApiCall) -> tuple[str, ...]:
    return tuple(list_secret_names(_build_key(call), call.instance.state.credentials.names()))


KIND = ArmDocumentKind(
    TYPE,
    "Automations",
    "It is stored; the server runs its actions as those of an automation.",
    shape=SHAPE,
    made=_seal_secrets,
    secrets=_map_credential_names,
    credentials=_list_stored_credentials,
    deleted=204,
    patched=True,
    etag=True,
)
declare_document_operations(SURFACE, KIND)


@SURFACE.declare_post_query(f"{KIND.path}/validate", "Automations_Validate", f"{TYPE}/read")
def validate_automation(call: ApiCall) -> ApiResponse:
    """Validate an automation without storing it, and return the reason if it is invalid."""
    properties = call.body.get("properties")
    try:
        if not isinstance(properties, dict):
            raise make_bad_request_error("The request content has no 'properties'.", "properties")
        body: Body = {"properties": SHAPE(properties, "properties")}
        kept = call.find_stored_document(call.path.lower().rstrip("/").rpartition("/")[0])
        with translate_automation_errors():
            check_actions(call.service, body, list_secrets(body), kept.body if kept is not None else None)
    except ApiError as fault:
        return ApiResponse({"isValid": False, "message": fault.message})
    return ApiResponse({"isValid": True, "message": "The automation can be kept."})
