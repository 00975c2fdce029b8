"""Microsoft.Security: topologies, allowed connections and tasks, as the last evaluation published them, or as Azure had said.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/topology, allowed-connections (2020-01-01), tasks (2015-06-01-preview)
"""

from __future__ import annotations

from nephoscope.api.defender.collected_documents import PROVIDERS, read
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.response import ApiResponse

SURFACE = ApiSurface("Topology, connections and tasks", "Microsoft.Security")
_PROVIDER = PROVIDERS[0]
_SUBSCRIPTION = "/subscriptions/{subscriptionId}"
_GROUP = f"{_SUBSCRIPTION}/resourceGroups/{{resourceGroupName}}"
_SECURITY, _LOCATION = "providers/Microsoft.Security", "providers/Microsoft.Security/locations/{ascLocation}"
#: (word of the kind, begin of its operations)
_KINDS = (("topologies", "Topology"), ("allowedConnections", "AllowedConnections"), ("tasks", "Tasks"))


def _declare_map_operations(word: str, operations: str) -> None:
    permission = f"Microsoft.Security/{word}/read"
    paths = {
        f"{_SUBSCRIPTION}/{_SECURITY}/{word}": "List",
        f"{_SUBSCRIPTION}/{_LOCATION}/{word}": "ListByHomeRegion",
        f"{_GROUP}/{_LOCATION}/{word}": "ListByResourceGroup",
    }
    for path, name in paths.items():

        @SURFACE.get(path, f"{operations}_{name}", permission)
        def _list(call: ApiCall) -> ApiResponse:
            """List the collected documents below the scope; 501 if none was ever collected."""
            return read(call, _PROVIDER, judged=word == "tasks")

    for scope, name in ((_SUBSCRIPTION, "GetSubscriptionLevel"), (_GROUP, "Get")):

        @SURFACE.get(f"{scope}/{_LOCATION}/{word}/{{name}}", f"{operations}_{name}", permission)
        def _get(call: ApiCall) -> ApiResponse:
            """Get the network map of a location."""
            return read(call, _PROVIDER)


for _kind in _KINDS:
    _declare_map_operations(*_kind)
