"""The sample estate as its files say it is, and one `nephoscope serve --demo` asked over TLS by the official clients."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.identity import ClientSecretCredential
from azure.kusto.data import KustoClient, KustoConnectionStringBuilder
from azure.kusto.ingest import KustoStreamingIngestClient
from azure.mgmt.policyinsights import PolicyInsightsClient
from azure.mgmt.resource.policy import PolicyClient
from azure.mgmt.resource.subscriptions import SubscriptionClient
from azure.mgmt.resourcegraph import ResourceGraphClient
from azure.mgmt.security import SecurityCenter
from azure.mgmt.securityinsight import SecurityInsights
from azure.monitor.ingestion import LogsIngestionClient
from azure.monitor.query import LogsQueryClient
from tests.serve.starting import note_rules_as_run, serving

from nephoscope.access.secret_digest import hash_secret
from nephoscope.access.tokens import NO_TENANT
from nephoscope.model.resource_binding import bind_resource
from nephoscope.state import State
from nephoscope.state.access.principals import PrincipalKind, SecretKind

SECRET = "nephc_" + "s" * 43
CONTENT = Path(__file__).parents[2] / "src" / "nephoscope" / "content"
SAMPLE = CONTENT / "sample"
_standing = ExitStack()


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


class Sample:
    """The files of the sample: every id in lower case."""

    content = CONTENT

    @cached_property
    def containers(self) -> list[dict[str, Any]]:
        return read(SAMPLE / "snapshot" / "tenant" / "containers.json")["data"]

    @cached_property
    def subscriptions(self) -> dict[str, str]:
        """Name -> id."""
        return {
            one["name"]: one["subscriptionId"].lower()
            for one in self.containers
            if one["type"] == "microsoft.resources/subscriptions"
        }

    def groups(self, subscription: str) -> set[str]:
        kind = "microsoft.resources/subscriptions/resourcegroups"
        return {
            one["name"].lower()
            for one in self.containers
            if one["type"] == kind and one["subscriptionId"].lower() == subscription
        }

    @cached_property
    def resources(self) -> list[dict[str, Any]]:
        found = sorted((SAMPLE / "snapshot").glob("*/resources.json"))
        return [one for path in found for one in read(path)["data"]]

    def ids(self, type_: str = "", subscription: str = "") -> set[str]:
        return {
            one["id"].lower()
            for one in self.resources
            if (not type_ or one["type"].lower() == type_)
            and (not subscription or one["subscriptionId"].lower() == subscription)
        }

    def children(self, type_: str, subscription: str) -> list[dict[str, Any]]:
        """What the sample has below its resources and subscriptions, of a type."""
        found = sorted((SAMPLE / "snapshot").glob("*/children.json"))
        rows = (one for path in found for one in read(path)["value"])
        return [
            one for one in rows if one["type"].lower() == type_ and f"/{subscription}/" in one["id"].lower()
        ]

    @cached_property
    def policies(self) -> dict[str, str]:
        """File name of a policy of our own -> the name by which it is known."""
        files = (path for path in (CONTENT / "policies").rglob("*.json") if not path.stem.endswith(".test"))
        return {path.stem: read(path)["name"] for path in files}

    @cached_property
    def planted(self) -> list[dict[str, Any]]:
        return read(SAMPLE / "planted.json")

    @cached_property
    def unhealthy(self) -> set[tuple[str, str]]:
        """(resource, recommendation) of what was planted and is not exempted."""
        return {self._pair(one) for one in self.planted if "exempt" not in one}

    @cached_property
    def exempt(self) -> set[tuple[str, str]]:
        return {self._pair(one) for one in self.planted if "exempt" in one}

    def _pair(self, one: dict[str, Any]) -> tuple[str, str]:
        return one["resource"].lower(), self.policies[one["policy"]].lower()

    def unhealthy_in(self, subscription: str) -> set[tuple[str, str]]:
        return {pair for pair in self.unhealthy if f"/{subscription}/" in f"{pair[0]}/"}


@dataclass
class Clients:
    """The official clients, made as their documentation says, pointed at the server."""

    address: str
    authority: str
    name: str
    secret: str
    subscription: str

    @cached_property
    def credential(self) -> ClientSecretCredential:
        return ClientSecretCredential(
            NO_TENANT, self.name, self.secret,
            authority=self.address, disable_instance_discovery=True, connection_verify=self.authority,
        )  # fmt: skip

    @property
    def scopes(self) -> list[str]:
        return [f"{self.address}/.default"]

    def _managed(self, kind: Any, *arguments: str) -> Any:
        return kind(
            self.credential, *arguments,
            base_url=self.address, credential_scopes=self.scopes, connection_verify=self.authority,
        )  # fmt: skip

    @cached_property
    def graph(self) -> ResourceGraphClient:
        return self._managed(ResourceGraphClient)

    @cached_property
    def security(self) -> SecurityCenter:
        return self._managed(SecurityCenter, self.subscription)

    @cached_property
    def policy(self) -> PolicyClient:
        return self._managed(PolicyClient, self.subscription)

    @cached_property
    def insights(self) -> PolicyInsightsClient:
        return self._managed(PolicyInsightsClient, self.subscription)

    @cached_property
    def subscriptions(self) -> SubscriptionClient:
        return self._managed(SubscriptionClient)

    @cached_property
    def sentinel(self) -> SecurityInsights:
        return self._managed(SecurityInsights, self.subscription)

    @cached_property
    def logs(self) -> LogsQueryClient:
        return LogsQueryClient(
            self.credential,
            endpoint=f"{self.address}/v1",
            audience=self.address,
            connection_verify=self.authority,
        )

    @cached_property
    def ingestion(self) -> LogsIngestionClient:
        return LogsIngestionClient(
            self.address, self.credential, credential_scopes=self.scopes, connection_verify=self.authority
        )

    @property
    def _cluster(self) -> KustoConnectionStringBuilder:
        return KustoConnectionStringBuilder.with_azure_token_credential(self.address, self.credential)

    @cached_property
    def kusto(self) -> KustoClient:
        return KustoClient(self._cluster)

    @cached_property
    def kusto_ingest(self) -> KustoStreamingIngestClient:
        return KustoStreamingIngestClient(self._cluster)


@pytest.fixture(scope="session")
def sample():
    return Sample()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """(address, file of the authority, data folder) of a running server."""
    data = tmp_path_factory.mktemp("sdk")
    note_rules_as_run(data)
    with _standing:
        found = _standing.enter_context(serving(data, "--demo", link=True))
        yield found.address, found.authority, data


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    """End the server behind the last test of this folder: it goes on computing as long as it stands."""
    if nextitem is None or not nextitem.path.is_relative_to(Path(__file__).parent):
        _standing.close()


@pytest.fixture(scope="session")
def clients(server, sample):
    """Makes the clients of a program that has roles: (role, scope) pairs; `resource` is what it is bound to."""
    address, authority, data = server
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("REQUESTS_CA_BUNDLE", authority)
        patched.setenv("SSL_CERT_FILE", authority)
        yield lambda *roles, resource="": make_clients(address, authority, data, sample, roles, resource)


def make_clients(
    address: str, authority: str, data: Path, sample: Sample, roles: Any, resource: str = ""
) -> Clients:
    """The clients of a new program with roles."""
    with State.open_folder(data) as state:
        name = f"program{len(state.principals.all())}"
        secret = f"{SECRET}{name}"
        with state.transaction() as session:
            principal = state.principals.add(session, PrincipalKind.PROGRAM, name)
            for role, scope in roles:
                state.principals.grant(session, principal.id, role, scope, "test")
            if resource:
                state.principals.bind(session, principal.id, bind_resource(resource))
            state.principals.keep(
                session, principal.id, SecretKind.CLIENT_SECRET, hash_secret(secret), "test"
            )
    return Clients(address, authority, principal.id, secret, sample.subscriptions["sub-bwf-erp-prod"])


@pytest.fixture(scope="session")
def owner(clients):
    return clients(("Owner", "/"))


@pytest.fixture(scope="session")
def web(server, owner):
    """A plain client with the owner's token, for what has no official one."""
    token = owner.credential.get_token(*owner.scopes).token
    with httpx.Client(
        base_url=server[0], verify=_context(server[1]), headers={"Authorization": f"Bearer {token}"}
    ) as one:
        yield one


def _context(authority: str) -> Any:
    import ssl

    return ssl.create_default_context(cafile=authority)
