"""The clients of one tenant that a collection signs in to, and the requests that they send."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nephoscope.collect.azure.arm_get import ArmGet
from nephoscope.collect.azure.microsoft_graph import GraphClient
from nephoscope.collect.azure.resource_graph import ResourceGraph
from nephoscope.collect.azure.visible_scopes import VisibleScope

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class TenantClients:
    """The clients of one tenant and what they see of the scope."""

    seen: VisibleScope
    resource_graph: ResourceGraph
    arm: ArmGet
    graph: GraphClient

    def find_guid(self) -> str:
        """Return the id of the tenant, '' where the sign-in names it by a domain or not at all: the rows that were read tell it."""
        name = self.seen.tenant.lower()
        return name if _GUID.fullmatch(name) else ""

    def close(self) -> None:
        """Close the connections of the clients."""
        self.arm.client.close()
        self.graph.client.close()


@dataclass(frozen=True, slots=True)
class ArmRequest:
    """A GET for a type in a scope: `at` is the lower-cased id that it is about."""

    tenant: TenantClients
    scope: str
    at: str
    url: str
    api: str
    type: str
