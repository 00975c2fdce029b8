"""Microsoft.Security/automations: what is to be done when something is found, kept as documents.

The address of a Logic App and the connection string of an event hub are secrets: they are kept as credentials and shown in no answer.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/automations (2019-01-01-preview)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from math import isfinite
from typing import Any

from nephoscope.api.wire.addresses import hub_allowed, reachable
from nephoscope.api.wire.answer import Answer
from nephoscope.api.wire.call import Call
from nephoscope.api.wire.fault import Fault, bad
from nephoscope.api.wire.kept import Body, Kind, declare
from nephoscope.api.wire.operation import Surface
from nephoscope.api.wire.shape import Shape, anything, chosen, fields, flag, many, text, words
from nephoscope.automation.condition import ORDERED
from nephoscope.automation.event_kinds import AZURE_SOURCES
from nephoscope.automation.languages.author import READS, WORKSPACE_WRITE
from nephoscope.automation.languages.security_actions import HIDDEN, credential, secrets_of
from nephoscope.automation.languages.security_automations import OPERATORS
from nephoscope_policy.model.resource_id import ResourceId

SURFACE = Surface("Automations", "Microsoft.Security")
TYPE = "Microsoft.Security/automations"


def _rule(value: Any, path: str) -> Body:
    """A condition: what is expected is of the type that it is compared as."""
    found: Body = _CONDITION(value, path)
    kind = found.get("propertyType") or "String"
    if found["operator"] in ORDERED and kind == "String":
        kind = "Number"
    said = str(found["expectedValue"])
    if not _EXPECTED[kind](said):
        raise bad(f"{said!r:.60} is no {kind}, as which it is to be compared.", f"{path}.expectedValue")
    return found


def _numeric(said: str) -> bool:
    try:
        return isfinite(float(said))
    except ValueError:
        return False


_EXPECTED: Mapping[str, Callable[[str], bool]] = {
    "String": lambda _: True,
    "Integer": lambda said: re.fullmatch(r"\s*[+-]?\d+\s*", said, re.ASCII) is not None,
    "Number": _numeric,
    "Boolean": lambda said: said.strip().lower() in ("true", "false"),
}
_CONDITION = fields(
    {"propertyJPath": text(least=1), "operator": words(*OPERATORS), "expectedValue": anything},
    {"propertyType": words(*_EXPECTED)},
)
#: Kind of action -> the field that names what it is done by, and the secret without which nothing can be sent there.
NAMED = {
    "LogicApp": ("logicAppResourceId", "uri"),
    "EventHub": ("eventHubResourceId", "connectionString"),
    "Workspace": ("workspaceResourceId", ""),
}


def _id(type_: str, told: str) -> Shape:
    """The id of a resource of a type, which may be below another of its provider."""
    provider, *words_ = type_.split("/")
    names = "/".join(f"{re.escape(one)}/[^/]+" for one in words_)
    return text(
        rf"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/{re.escape(provider)}/{names}/?",
        f"the id of {told}",
    )


_SOURCE = fields(
    {"eventSource": words(*AZURE_SOURCES)}, {"ruleSets": many(fields({}, {"rules": many(_rule)}))}
)
_ACTION = chosen(
    "actionType",
    {
        "LogicApp": fields(
            {"logicAppResourceId": _id("Microsoft.Logic/workflows", "a Logic App")}, {"uri": text()}
        ),
        "EventHub": fields(
            {"eventHubResourceId": _id("Microsoft.EventHub/namespaces/eventhubs", "an event hub")},
            {"connectionString": text(), "sasPolicyName": text()},
        ),
        "Workspace": fields(
            {"workspaceResourceId": _id("Microsoft.OperationalInsights/workspaces", "a workspace")}
        ),
    },
)
SHAPE = fields(
    {"sources": many(_SOURCE, least=1), "actions": many(_ACTION, least=1)},
    {
        "description": text(),
        "isEnabled": flag,
        "scopes": many(fields({"scopePath": text()}, {"description": text()})),
    },
)


def _secrets(body: Body) -> Iterator[tuple[int, str, str]]:
    """(index of the action, name, value) of every secret."""
    for at, action in enumerate(body["properties"].get("actions") or ()):
        for name in HIDDEN:
            if isinstance(action.get(name), str):
                yield at, name, action[name]


def _sealed(call: Call, body: Body, before: Body | None) -> Body:
    """The document without its secrets, which are kept as credentials."""
    scopes = _readable_scopes(call, body)
    _workspaces_allowed(call, body)
    secrets = _sent_secrets(call)
    _reachable(call, secrets)
    _there(call, body, before, secrets)
    actions = [
        {name: value for name, value in one.items() if name not in HIDDEN}
        for one in body["properties"].get("actions") or ()
    ]
    sources = [{"ruleSets": [], **one} for one in body["properties"].get("sources") or ()]
    told = {"actions": actions, "sources": sources, **scopes, "metadata": _metadata(call, before)}
    return {**body, "properties": {**body["properties"], **told}}


def _reachable(call: Call, secrets: Iterable[tuple[int, str, str]]) -> None:
    """Fault where the address of an action is one that no run would post to."""
    for at, name, value in secrets:
        if name == "uri":
            reachable(call, value, f"properties.actions[{at}].uri")
        elif name == "connectionString":
            hub_allowed(call, value, f"properties.actions[{at}].connectionString")


def _there(call: Call, body: Body, before: Body | None, secrets: Iterable[tuple[int, str, str]]) -> None:
    """Fault where an action has no address, neither sent now nor kept of the same action, or its workspace is none."""
    given = {(at, name) for at, name, _ in secrets}
    old = (before or {}).get("properties", {}).get("actions") or []
    for at, action in enumerate(body["properties"]["actions"]):
        target, secret = NAMED[action["actionType"]]
        path, named = f"properties.actions[{at}]", str(action[target])
        same = at < len(old) and str(old[at].get(target)).lower() == named.lower()
        if secret and (at, secret) not in given and not same:
            raise bad(f"'{secret}' is missing: nothing can be sent to {named}.", f"{path}.{secret}")
        workspace = named.rstrip("/").rpartition("/")[2]
        if not secret and call.instance.state.workspaces.find(workspace) is None:
            raise bad(f"There is no workspace '{workspace[:100]}' here.", f"{path}.{target}")


def _readable_scopes(call: Call, body: Body) -> dict[str, Any]:
    """The scopes where they have to be cut; DeniedError for one that its author may not read.

    An automation sends what it is told of: it may be told of what its author reads. Without a scope it holds for the subscription, and
    for the resource group that it lies in where its author reads no more.
    """
    lies = ResourceId.parse(str(body["id"]))
    subscription = f"/subscriptions/{lies.subscription}"
    named = [str(one.get("scopePath") or "") for one in body["properties"].get("scopes") or ()]
    for one in named:
        for read in READS:
            call.caller.must(read, one.lower().rstrip("/") or subscription)
    if named or all(call.caller.may(read, subscription) for read in READS):
        return {}
    return {"scopes": [{"description": "", "scopePath": lies.resource_group_id}]}


def _workspaces_allowed(call: Call, body: Body) -> None:
    """DeniedError where an action writes into a workspace that its author may not change."""
    for action in body["properties"].get("actions") or ():
        if action.get("actionType") == "Workspace":
            name = str(action.get("workspaceResourceId") or "default").rpartition("/")[2].lower()
            call.caller.must(WORKSPACE_WRITE, f"/workspaces/{name}")


def _metadata(call: Call, before: Body | None) -> dict[str, str]:
    """Who made and changed it, and when."""
    now, who = call.instance.now.isoformat(), call.caller.principal.id
    old = (before or {}).get("properties", {}).get("metadata") or {}
    made = {"createdDateTimeUtc": now, "createdBy": who, **old}
    return made | {"lastUpdatedDateTimeUtc": now, "lastUpdatedBy": who}


def _sent_secrets(call: Call) -> list[tuple[int, str, str]]:
    """Those of the request: a check of the document has cut them off."""
    return list(_secrets(call.body)) if "properties" in call.body else []


def _key(call: Call) -> str:
    return call.path.rstrip("/").lower()


def _credentials(call: Call) -> dict[str, str]:
    return {credential(_key(call), at, name): value for at, name, value in _sent_secrets(call)}


def _kept_credentials(call: Call) -> tuple[str, ...]:
    return tuple(secrets_of(_key(call), call.instance.state.credentials.names()))


KIND = Kind(
    TYPE,
    "Automations",
    "It is kept; its actions are those of an automation where the server runs them.",
    shape=SHAPE,
    made=_sealed,
    secrets=_credentials,
    credentials=_kept_credentials,
    deleted=204,
    patched=True,
    etag=True,
)
declare(SURFACE, KIND)


@SURFACE.ask(f"{KIND.path}/validate", "Automations_Validate", f"{TYPE}/read")
def validate(call: Call) -> Answer:
    """Say whether an automation could be kept, and why not."""
    properties = call.body.get("properties")
    try:
        if not isinstance(properties, dict):
            raise bad("The request content has no 'properties'.", "properties")
        body: Body = {"properties": SHAPE(properties, "properties")}
        kept = call.instance.state.arm_documents.get(call.path.lower().rstrip("/").rpartition("/")[0])
        secrets = list(_secrets(body))
        _reachable(call, secrets)
        _there(call, body, kept.body if kept is not None else None, secrets)
    except Fault as fault:
        return Answer({"isValid": False, "message": fault.message})
    return Answer({"isValid": True, "message": "The automation can be kept."})
