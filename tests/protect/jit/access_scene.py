"""A state with a just-in-time policy, people with some rights, and a clock."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nephoscope.access.authenticator import DeniedError
from nephoscope.access.scopes import Hierarchy
from nephoscope.service.access_requests import (
    APPROVE,
    INITIATE,
    READ,
    TYPE,
    WRITE,
    AskedPort,
    request_access,
)
from nephoscope.service.service_context import ServiceContext
from nephoscope.state import State

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
SUBSCRIPTION = "/subscriptions/11111111-1111-4111-8111-111111111111"
MACHINE = f"{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.HybridCompute/machines/web01"
ID = f"{SUBSCRIPTION}/resourceGroups/rg/providers/{TYPE.replace('locations', 'locations/westeurope')}/p"
PORTS = [
    {
        "number": 22, "protocol": "TCP", "maxRequestAccessDuration": "PT3H",
        "allowedSourceAddressPrefixes": ["10.0.0.0/8", "2001:db8::/32"],
    },
    {"number": 5000, "protocol": "*", "maxRequestAccessDuration": "PT5M", "allowedSourceAddressPrefix": "*"},
]  # fmt: skip
POLICY: dict[str, Any] = {"id": ID, "properties": {"virtualMachines": [{"id": MACHINE, "ports": PORTS}]}}
RIGHTS = {"requester": {READ, INITIATE}, "approver": {READ, INITIATE, APPROVE, WRITE}, "reader": {READ}}


class Person:
    """An actor with some rights everywhere."""

    def __init__(self, name: str) -> None:
        self.name = self.author = name
        self.address = ""
        self.roles, self.hierarchy = (), Hierarchy({})

    def is_permitted(self, operation: str, scope: str = "/") -> bool:
        """Tell whether an operation is allowed."""
        del scope
        return operation in RIGHTS[self.name.rstrip("2")]

    def require(self, operation: str, scope: str = "/", why: str = "") -> None:
        """Raise DeniedError where it is not allowed."""
        del why
        if not self.is_permitted(operation, scope):
            raise DeniedError(self, operation, scope)


class Scene:
    """A state with the policy, and a clock that tests set."""

    def __init__(self, state: State, folder: Path) -> None:
        self.state, self.folder, self.now = state, folder, NOW
        with state.transaction() as session:
            state.arm_documents.put(session, ID.lower(), TYPE.lower(), POLICY, "owner")

    def acts(self, name: str) -> ServiceContext:
        return ServiceContext(Person(name), self.state, self.folder, lambda: self.now)

    def ask(self, name: str, **port: Any) -> Any:
        asked = AskedPort(**{"machine": MACHINE, "number": 22, "source": "10.1.2.3", **port})
        return request_access(self.acts(name), POLICY, [asked], "maintenance")
