"""What a deployment's private endpoints make at the resources that they lead to: connections, in the body and as children.

Source: Azure Private Link, "Manage a private endpoint connection". Who may change the target approves with the deployment; a
connection that is asked for by hand waits for somebody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from nephoscope_policy.arm.unknown import Unknown
from nephoscope_policy.model.resource import Resource

#: The name of a connection has parts that Azure chooses.
NAMED_BY_AZURE = Unknown(
    "string", reason="Azure names a connection of a private endpoint when it is made", filled=True
)
ENDPOINTS = "microsoft.network/privateendpoints"
CONNECTIONS = "privateEndpointConnections"
#: The members that list what an endpoint leads to, and how a connection of each ends.
_LISTS = {"privatelinkserviceconnections": "Approved", "manualprivatelinkserviceconnections": "Pending"}


def connections_by_target(resources: Iterable[Resource]) -> dict[str, list[dict[str, object]]]:
    """Return the connections that endpoints make, by the lower-cased id of their target; unknown targets have none.

    Their ids are those of their endpoints, until Azure gives them their own.
    """
    found: defaultdict[str, list[dict[str, object]]] = defaultdict(list)
    for resource in resources:
        if resource.id.type == ENDPOINTS:
            for target, status in _targets(resource.body):
                found[target].append(_connection(target, resource, status))
    return dict(found)


def _targets(body: Mapping[str, object]) -> Iterable[tuple[str, str]]:
    properties = body.get("properties")
    for member, several in (properties if isinstance(properties, dict) else {}).items():
        status = _LISTS.get(str(member).lower())
        for one in several if status and isinstance(several, list) else ():
            told = one.get("properties") if isinstance(one, dict) else None
            target = told.get("privateLinkServiceId") if isinstance(told, dict) else None
            if status and isinstance(target, str):
                yield target.lower(), status


def _connection(target: str, endpoint: Resource, status: str) -> dict[str, object]:
    endpoint_id = str(endpoint.body["id"])
    name = endpoint_id.rpartition("/")[2]
    return {
        "id": f"{target}/{CONNECTIONS}/{name}",
        "name": name,
        "properties": {
            "privateEndpoint": {"id": endpoint_id},
            "privateLinkServiceConnectionState": {"status": status},
            "provisioningState": "Succeeded",
        },
    }
