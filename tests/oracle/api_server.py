"""A server in this process that examples are asked of, and the ways in which it is given what the examples are about."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from api_example import Example
from starlette.testclient import TestClient

from nephoscope.access.tokens import NO_TENANT
from nephoscope.alerts.library.content_packs import RulePacks
from nephoscope.alerts.library.own_rules import API
from nephoscope.api.server import build_app
from nephoscope.instance import Instance
from nephoscope.posture.published.build_info import BuildInfo
from nephoscope.posture.published.document import PublishedDocument
from nephoscope.posture.published.publishing import publish_documents
from nephoscope.posture.reports.resource_graph_tables import find_table
from nephoscope.state.access.principals import PrincipalKind, SecretKind
from nephoscope.state.database.concept_registry import load_tables
from nephoscope_policy.model.resource_id import ResourceId

_MACHINE = re.compile(
    r"/subscriptions/[^/\"]+/resourceGroups/[^/\"]+/providers/Microsoft\.Compute/virtualMachines/[^/\"]+",
    re.IGNORECASE,
)
BASE = "https://127.0.0.1"
#: What the state holds of documents, incidents and lists.
FORGOTTEN = frozenset((
    "arm_documents", "alerts", "bookmarks", "incidents", "incident_actions", "incident_keys", "incident_notes", "intel",
    "suppressions", "watchlists", "watchlist_items",
))  # fmt: skip


class Server:
    """Asks as an owner; `publish` replaces what was collected and judged, as an evaluation of an estate does."""

    def __init__(self, instance: Instance, engine: str = "ours") -> None:
        self.instance, self._engine = instance, engine
        #: The path of what is asked next: the containers and the resource that it stands on are published, too.
        self.about = "/"
        #: Machines that it names in what it puts.
        self.machines: frozenset[str] = frozenset()
        with instance.state.transaction(product="the set-up of a runner") as session:
            owner = instance.state.principals.add(session, PrincipalKind.PERSON, "oracle@example.com")
            instance.state.principals.grant(session, owner.id, "Owner", "/", "oracle")
        self.owner = owner.id
        token = instance.guard.make_secret(owner, SecretKind.TOKEN, "oracle")
        self.client = TestClient(
            build_app(instance), base_url=BASE, headers={"Authorization": f"Bearer {token}"}
        )

    def workspace(self, name: str) -> None:
        """Have a workspace of a name."""
        state = self.instance.state
        if state.workspaces.find(name.lower()) is None:
            with state.as_product("the set-up of a runner"):
                state.workspaces.add(name.lower())

    def ask(self, example: Example, method: str = "", path: str = "", body: Any = None) -> Any:
        """An answer to what an example asks, or to the same at another path or by another method."""
        if self._engine != "ours":
            return _Floor(200 if self._engine == "empty" else 500)
        by = method or example.method
        sent = body if body is not None else example.body if by in ("PUT", "POST", "PATCH") else None
        return self.client.request(by, path or example.path, params=example.query, json=self.known(sent))

    def known(self, value: Any) -> Any:
        """A document whose people are one whom the server lets in."""
        if isinstance(value, dict):
            return {
                name: self.owner if name == "objectId" and isinstance(one, str) else self.known(one)
                for name, one in value.items()
            }
        return [self.known(one) for one in value] if isinstance(value, list) else value

    def publish(
        self, documents: Iterable[Mapping[str, Any]], groups: Mapping[str, tuple[str, ...]] | None = None
    ) -> None:
        """Publish documents; `groups` maps subscriptions to the management groups that they are in."""
        given = [one for one in documents if is_resource(one["id"])]
        keys = {str(one["id"]).lower() for one in given}
        around = [
            {"id": one, "name": one.rsplit("/", 1)[-1]}
            for one in (*standing_on(self.about), *sorted(self.machines))
            if one.lower() not in keys
        ]
        found = [PublishedDocument.of(one, tenant=NO_TENANT) for one in (*given, *around)]
        several = [(one, find_table(one.id.type)) for one in found]
        publish_documents(self.instance.data, several, _made(groups or {}))

    def forget(self) -> None:
        """Forget what was put, whatever its kind: the next example begins with nothing."""
        state = self.instance.state
        with state.transaction(product="the set-up of a runner") as session:
            for table in reversed(load_tables()):
                if table.name in FORGOTTEN:
                    session.execute(table.delete())
        packs = RulePacks(self.instance.data)
        if packs.get(API) is not None:
            packs.remove(API)


class _Floor:
    """An answer that says nothing."""

    content = b"{}"

    def __init__(self, status: int) -> None:
        self.status_code = status

    def json(self) -> dict[str, Any]:
        """An empty object."""
        return {}


def _made(groups: Mapping[str, tuple[str, ...]]) -> BuildInfo:
    now = datetime(2026, 11, 1, tzinfo=UTC)
    return BuildInfo(now, "/", 0, None, 0.0, 0.0, {}, (), {}, (), (), 0, dict.fromkeys(groups, ""), groups)


def machines_in(value: Any) -> frozenset[str]:
    """The ids of machines that a document names."""
    return frozenset(_MACHINE.findall(json.dumps(value)))


def standing_on(path: str) -> list[str]:
    """The ids of the subscription or management group, the resource group and the resource that a path stands on."""
    before = path.rpartition("/providers/")[0]
    parts = before.split("/")
    found = {before, "/".join(parts[:3]), "/".join(parts[:5])}
    return sorted(one for one in found if is_resource(one))


def is_resource(id_: str) -> bool:
    """Whether an id can be one of a resource; some examples answer with others."""
    try:
        return bool(ResourceId.parse(id_).type)
    except ValueError:
        return False


def told(answer: Any) -> str:
    """A status with the code of its error."""
    try:
        error = answer.json().get("error", {})
    except (ValueError, AttributeError):
        return str(answer.status_code)
    code, message = error.get("code", ""), error.get("message", "")
    return f"{answer.status_code} {code} {message[:90]}".strip()
