"""Connections that a deployment's private endpoints create at their target resources, in the body and as children.

Source: Azure Private Link, "Manage a private endpoint connection". Who may change the target approves with the deployment; a
connection that is asked for by hand waits for somebody.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import msgspec

from nephoscope.posture.code.template.partial_resource_ids import may_be
from nephoscope_policy.arm.template.document import member
from nephoscope_policy.arm.text_patterns import build_pattern, format_pattern
from nephoscope_policy.arm.unknown import OpenArray, OpenObject, Unknown
from nephoscope_policy.model.resource import Planning, Resource

#: The name of a connection has parts that Azure chooses.
NAMED_BY_AZURE = Unknown(
    "string", reason="Azure names a connection of a private endpoint when it is made", filled=True
)
ENDPOINTS = "microsoft.network/privateendpoints"
CONNECTIONS = "privateEndpointConnections"
#: What stands for a target of which nothing is known.
ANYWHERE = "{target}"
WHICH = "what a private endpoint leads to is not known before the deployment"
_PATH = ("properties", CONNECTIONS.lower())
#: The members that list what an endpoint leads to, and how a connection of each ends.
_LISTS = {"privatelinkserviceconnections": "Approved", "manualprivatelinkserviceconnections": "Pending"}


class EndpointConnection(msgspec.Struct, frozen=True):
    """A connection of an endpoint: the lower-cased id that it leads to, its status, why it may not be there ('' = it is)."""

    target: str
    endpoint: Resource
    status: str
    doubt: str = ""

    def body(self, target: str) -> dict[str, object]:
        """The connection at a target; its id is that of its endpoint, until Azure gives it its own."""
        endpoint_id = str(self.endpoint.body["id"])
        name = endpoint_id.rpartition("/")[2]
        return {
            "id": f"{target}/{CONNECTIONS}/{name}",
            "name": name,
            "properties": {
                "privateEndpoint": {"id": endpoint_id},
                "privateLinkServiceConnectionState": {"status": self.status},
                "provisioningState": "Succeeded",
            },
        }


def connect_endpoints(
    resources: dict[str, Resource], doubt: str
) -> Iterator[tuple[str, dict[str, object], str]]:
    """Put the connections of endpoints into the bodies of what they lead to, or may lead to, unless that names its own.

    Yields each with its target's key and why it may not be there. `doubt` says why others may be made anywhere ('' = none are).
    """
    found = [one for resource in tuple(resources.values()) for one in _list_endpoint_connections(resource)]
    if not found and not doubt:
        return
    for key, target in [*resources.items()]:
        here = [
            (one, one.doubt if one.target == key else one.doubt or WHICH)
            for one in found
            if may_be(one.target, key)
        ]
        takes = _PATH in ((target.planned or Planning()).absent)
        sure = [one for one, why in here if not why]
        open_ = next((why for _, why in here if why), doubt) if takes else ""
        if sure or open_:
            resources[key] = _put_connections(target, [one.body(key) for one in sure], open_)
            yield from ((key, one.body(key), why) for one, why in here if not why or takes)


def _put_connections(resource: Resource, sure: list[dict[str, object]], doubt: str) -> Resource:
    """A resource with connections; others may be there where there is a doubt."""
    properties = resource.body.get("properties")
    if isinstance(properties, Unknown):
        return resource
    held = properties if isinstance(properties, dict) else {}
    if any(str(name).lower() == CONNECTIONS.lower() for name in held):
        return resource
    listed: object = [{**one, "id": NAMED_BY_AZURE, "name": NAMED_BY_AZURE} for one in sure]
    if doubt:
        listed = OpenArray(
            "array", "parameter", doubt, known=tuple(listed) if isinstance(listed, list) else ()
        )
    whole: dict[str, object] = {**held, CONNECTIONS: listed}
    if isinstance(held, OpenObject):
        whole = OpenObject(whole, held.rest)
    return replace(resource, body={**resource.body, "properties": whole})


def _list_endpoint_connections(endpoint: Resource) -> Iterator[EndpointConnection]:
    if endpoint.id.type != ENDPOINTS:
        return
    doubt = (endpoint.planned or Planning()).condition
    properties = endpoint.body.get("properties")
    if isinstance(properties, Unknown):
        yield EndpointConnection(ANYWHERE, endpoint, "Approved", properties.reason or WHICH)
        return
    for name, several in (properties if isinstance(properties, dict) else {}).items():
        status = _LISTS.get(str(name).lower())
        if status is not None:
            yield from _list_connections(endpoint, several, status, doubt)
    if isinstance(properties, OpenObject):
        yield EndpointConnection(ANYWHERE, endpoint, "Approved", properties.rest.reason or WHICH)


def _list_connections(
    endpoint: Resource, several: object, status: str, doubt: str
) -> Iterator[EndpointConnection]:
    if isinstance(several, Unknown):
        yield EndpointConnection(ANYWHERE, endpoint, status, several.reason or WHICH)
    known = several.known if isinstance(several, OpenArray) else several
    for one in known if isinstance(known, list | tuple) else ():
        target = one
        for step in ("properties", "privateLinkServiceId"):
            if isinstance(target, dict):
                found = member(target, step)
                rest = target.rest if isinstance(target, OpenObject) else None
                target = found[1] if found is not None else rest
        if isinstance(target, Unknown):
            text = format_pattern(build_pattern(target) or "")
            yield EndpointConnection(text.lower() or ANYWHERE, endpoint, status, doubt)
        elif isinstance(target, str):
            yield EndpointConnection(target.lower(), endpoint, status, doubt)
