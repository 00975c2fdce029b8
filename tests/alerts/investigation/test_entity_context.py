"""Entities are looked up in the estates of all tenants; what a reader is told does not depend on what lies outside their reach."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.alerts.investigation.test_case import entity

from nephoscope.alerts.investigation.entity_context import EntityContext
from nephoscope.alerts.investigation.estate_reader import WHOLE, EstateReader
from nephoscope.alerts.investigation.participants import InvolvedEntity
from nephoscope.alerts.tuning.named_locations import merge_locations
from nephoscope.alerts.tuning.own_egress import list_egress_addresses
from nephoscope.entity_context import EntityContexts
from nephoscope.estate.coverage import parse_manifest
from nephoscope.estate.estate import Estate
from nephoscope.estate.tenant_stores import load_newest, open_tenant_store, open_tenant_stores
from nephoscope.model.entity import Entity
from nephoscope.model.read_scope import Reach
from nephoscope.posture.published.publishing import publish_report
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.posture.reports.report import Report
from nephoscope.posture.scans.scan import EstateScan, ScanRequest
from nephoscope_policy.model.resource import Resource

NOW = datetime(2026, 11, 29, tzinfo=UTC)
OWNER = "/providers/microsoft.authorization/roledefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
PLATFORM = "/providers/microsoft.management/managementgroups/platform"
DIRECTORY = [
    f"microsoft.graph/{one}" for one in ("users", "groups", "serviceprincipals", "userregistrationdetails")
]
ASSIGNMENTS = "microsoft.authorization/roleassignments"


class Company:
    """A tenant with a subscription: a machine, a vault, an administrator of a group, an application that both tenants use."""

    def __init__(self, digit: str, *, directory: bool = True) -> None:
        self.tenant = f"{digit * 8}-1111-4000-8000-000000000000"
        self.guid = f"{digit * 8}-2222-4000-8000-000000000000"
        self.subscription = f"/subscriptions/{self.guid}"
        self.group = f"{self.subscription}/resourcegroups/rg"
        self.machine = f"{self.group}/providers/microsoft.compute/virtualmachines/web"
        self.vault = f"{self.group}/providers/microsoft.keyvault/vaults/kv-{digit}"
        self.site = f"{self.group}/providers/microsoft.web/sites/shop"
        self.identity = f"{digit * 8}-4444-4000-8000-000000000000"
        self.admin = f"{digit * 8}-3333-4000-8000-000000000000"
        self.app = f"{digit * 8}-5555-4000-8000-000000000000"
        self.directory = directory
        self.digit = digit

    @property
    def bodies(self) -> list[dict[str, Any]]:
        chain = {"managementGroupAncestorsChain": [{"name": "platform"}]}
        found = [
            {"id": self.subscription, "properties": {"displayName": "sub", **chain}, "tags": {"owner": f"team {self.digit}"}},
            {"id": self.group, "properties": {}},
            {"id": self.machine, "name": "web", "properties": {"osProfile": {"computerName": f"WEB-{self.digit}"}}},
            {"id": self.vault, "properties": {"publicNetworkAccess": "Disabled"}, "tags": {"owner": f"kim of {self.digit}"}},
            {"id": self.site, "name": "shop", "identity": {"type": "SystemAssigned", "principalId": self.identity}},
            self.assignment(self.subscription, "1", self.admin, "User"),
            self.assignment(self.group, "3", self.identity, "ServicePrincipal"),
            self.assignment(PLATFORM, "2", self.app, "ServicePrincipal"),
            {"id": f"{self.group}/providers/microsoft.network/publicipaddresses/nat", "name": f"nat-{self.digit}",
             "properties": {"ipAddress": f"203.0.113.{self.digit}", "natGateway": {"id": "/x"}}},
        ]  # fmt: skip
        return found + (self.people if self.directory else [])

    @property
    def people(self) -> list[dict[str, Any]]:
        user = {
            "userPrincipalName": f"ada@{self.digit}.example",
            "accountEnabled": False,
            "userType": "Member",
        }
        ranges = [{"cidrAddress": "198.51.100.0/24"}]
        offices = {"displayName": "Offices", "isTrusted": self.digit == "1", "ipRanges": ranges}
        return [
            {"id": f"/providers/microsoft.graph/users/{self.admin}", "properties": user},
            {"id": f"/providers/microsoft.graph/serviceprincipals/{self.app}",
             "properties": {"appId": "shared", "accountEnabled": True}},
            {"id": "/providers/microsoft.graph/namedlocations/1", "properties": offices},
        ]  # fmt: skip

    def assignment(self, scope: str, number: str, principal: str, kind: str) -> dict[str, Any]:
        body = {"principalId": principal, "principalType": kind, "roleDefinitionId": OWNER}
        return {
            "id": f"{scope}/providers/microsoft.authorization/roleassignments/{number}",
            "properties": body,
        }

    def keep(self, data: Path, at: datetime = NOW, without: str = "?") -> None:
        """Store a snapshot of the company, read in full but for the directory where that was refused."""
        scopes = {self.subscription: ["*"], "": [ASSIGNMENTS, *(DIRECTORY if self.directory else [])]}
        manifest = {"schemaVersion": 1, "tenant": self.tenant, "scopes": scopes}
        kept = [Resource.of(one) for one in self.bodies if without not in one["id"]]
        estate = Estate.of(kept, parse_manifest(manifest), tenant=self.tenant)
        open_tenant_store(data, estate).append(estate, at)


A, B = Company("1"), Company("2")
UNREAD = Company("2", directory=False)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for one in (A, B):
        one.keep(tmp_path)
    return tmp_path


def involve(*entities: Entity, source: str = "alert") -> list[InvolvedEntity]:
    return [InvolvedEntity(one, (source,), NOW, NOW) for one in entities]


def describe(data: Path, *entities: Entity, reader: EstateReader = WHOLE) -> list[EntityContext | None]:
    found = EntityContexts(data, PublishedSnapshotCache(data)).describe(involve(*entities), reader)
    assert found is not None
    return found


def facts(context: EntityContext | None) -> dict[str, str]:
    assert context is not None
    return {one.name: one.value for one in context.facts if one.name != "assessments"}


ADA = entity("Account", Name="ada", UPNSuffix="2.example")
SHARED = entity("CloudApplication", AppId="shared")
SAME_NAME = entity("Host", HostName="web")
BLOCKED = "blocked, member, not known (microsoft.graph/userregistrationdetails/{})"
#: name -> (entity, the resource that it is, what is told of it)
KNOWN: dict[str, tuple[Entity, str, dict[str, str]]] = {
    "a vault of the second tenant": (entity("AzureResource", ResourceId=B.vault.upper()), B.vault, {
        "tenant": B.tenant, "owner": "kim of 2", "exposure": "no access from public networks", "roles": "no managed identity",
    }),
    "an account of the second tenant": (ADA, f"/providers/microsoft.graph/users/{B.admin}", {
        "tenant": B.tenant, "account": BLOCKED.format(B.admin), "roles": f"a role of the class owner on {B.subscription}",
    }),
    "an application that both have": (SHARED, "", {
        "tenant": f"{A.tenant}, {B.tenant}: its rows name neither",
        f"account in {A.tenant}": "application, enabled", f"account in {B.tenant}": "application, enabled",
        f"roles in {A.tenant}": f"a role of the class owner on {PLATFORM}",
        f"roles in {B.tenant}": f"a role of the class owner on {PLATFORM}",
    }),
    "an application whose rows name the tenant": (entity("Account", AadUserId="shared", AadTenantId=B.tenant.upper()),
        f"/providers/microsoft.graph/serviceprincipals/{B.app}", {
        "tenant": B.tenant, "account": "application, enabled", "roles": f"a role of the class owner on {PLATFORM}",
    }),
    "a tenant that was not collected": (entity("Account", Name="ada", UPNSuffix="2.example", AadTenantId="other"), "", {
        "account": "not known (its tenant other was not collected)",
    }),
    "a machine by a name that both have": (SAME_NAME, "", {"tenant": f"{A.tenant}, {B.tenant}: its rows name neither"}),
    "a machine by its own name": (entity("Host", HostName="web-2"), B.machine, {
        "tenant": B.tenant, "owner": "team 2 (of its subscription)",
    }),
    "a managed identity that no directory tells of": (entity("Account", AadUserId=B.identity.upper()), B.site, {
        "tenant": B.tenant, "account": f"system-assigned managed identity of {B.site}",
        "roles": f"a role of the class owner on {B.group}",
    }),
    "nobody": (entity("Account", Name="eve", UPNSuffix="2.example"), "", {
        "account": "no user or application of the tenant is called so",
    }),
    "a subscription of nobody": (entity("AzureResource", ResourceId=A.vault.replace("1111", "9999", 1)), "", {
        "resource": "not known (its subscription was not collected)",
    }),
    "what is gone": (entity("AzureResource", ResourceId=f"{B.vault}x"), "", {
        "tenant": B.tenant, "resource": "it is not in the estate",
    }),
}  # fmt: skip


@pytest.mark.sampled(3)
@pytest.mark.parametrize("case", KNOWN)
def test_every_tenant_is_asked(data: Path, case: str) -> None:
    one, resource, told = KNOWN[case]
    (found,) = describe(data, one)
    assert found is not None
    assert found.resource == resource
    assert {name: facts(found).get(name) for name in told} == told


def test_the_resources_of_the_same_alert_name_the_tenant(data: Path) -> None:
    known = EntityContexts(data, PublishedSnapshotCache(data))
    beside = involve(SHARED, SAME_NAME, entity("AzureResource", ResourceId=B.vault))
    assert [one.tenant for one in known.describe(beside)] == [B.tenant] * 3
    apart = [*involve(SHARED), *involve(entity("AzureResource", ResourceId=B.vault), source="another alert")]
    assert [one.tenant for one in known.describe(apart)] == ["", B.tenant]


def test_an_unread_directory_is_unknown(tmp_path: Path) -> None:
    A.keep(tmp_path)
    UNREAD.keep(tmp_path)
    nobody, ada, shared = describe(tmp_path, entity("Account", Name="eve", UPNSuffix="x"), ADA, SHARED)
    for one in (nobody, ada):
        assert facts(one)["account"] == "not known (users were not all collected)"
        assert facts(one)["tenant"] == B.tenant, "the one of which it is not known"
    assert shared.tenant == A.tenant, "what is there is told"
    of_app = entity("Account", AadUserId=B.admin, AadTenantId=B.tenant)
    assert facts(*describe(tmp_path, of_app))["account"].startswith("not known")


def test_no_role_is_told_of_where_assignments_were_not_read(tmp_path: Path) -> None:
    """A subscription that only another resource's id names is one too whose role assignments were not read."""
    manifest = {"schemaVersion": 1, "tenant": A.tenant, "scopes": {"": DIRECTORY}}
    user = A.people[0]
    lone = {"id": f"{A.group}/providers/microsoft.storage/storageaccounts/st", "properties": {}}
    estate = Estate.of(
        map(Resource.of, [user, lone]), parse_manifest(manifest), derives=False, tenant=A.tenant
    )
    open_tenant_store(tmp_path, estate).append(estate, NOW)
    (found,) = describe(tmp_path, entity("Account", AadUserId=A.admin))
    assert facts(found)["roles"] == f"not known (role assignments of {A.subscription} were not all collected)"


def only(**reach: frozenset[str]) -> EstateReader:
    own = Reach(**reach, tenants=frozenset({A.tenant}))
    return EstateReader(own, own, own, own)


OF_A = only(subscriptions=frozenset({A.guid}))
OF_GROUP = only(groups=frozenset({A.group}))
OF_TENANT = only(subscriptions=frozenset({A.guid}), whole_tenants=frozenset({A.tenant}))
READERS = {"subscription": OF_A, "group": OF_GROUP, "tenant": OF_TENANT}
EVERY = (ADA, SHARED, SAME_NAME, entity("Account", Name="ada", UPNSuffix="1.example"),
         entity("Account", AadUserId=A.admin), entity("Account", AadUserId=B.admin), entity("Host", HostName="web-2"),
         entity("IP", Address="203.0.113.1"), entity("IP", Address="203.0.113.2"),
         entity("Account", AadUserId=A.identity), entity("CloudApplication", AppId=B.identity),
         entity("Account", AadUserId=B.identity),
         *(entity("AzureResource", ResourceId=one) for one in (A.vault, B.vault, f"{B.vault}x", A.subscription, B.group)),
         entity("Account", Name="ada", UPNSuffix="2.example", AadTenantId=B.tenant))  # fmt: skip


@pytest.mark.parametrize("name", READERS)
def test_the_answer_is_the_same_with_and_without_another_tenant(
    tmp_path: Path, data: Path, name: str
) -> None:
    alone = tmp_path / "alone"
    A.keep(alone)
    with_b = [one.document() for one in describe(data, *EVERY, reader=READERS[name])]
    assert with_b == [one.document() for one in describe(alone, *EVERY, reader=READERS[name])]
    told = json.dumps([one.document() for one in describe(data, *EVERY[:-1], reader=READERS[name])])
    assert [word for word in (B.tenant, B.guid, "team 2", "kim of 2") if word in told] == []


UNREACHED = "your roles do not reach the directory of the tenant"
#: reader -> the entity, and what is told
TOLD = [
    ("subscription", entity("AzureResource", ResourceId=A.vault), {"owner": "kim of 1"}),
    ("group", entity("AzureResource", ResourceId=A.machine), {
        "owner": "not known (no owner tag, and your roles do not reach its subscription)"}),
    ("subscription", entity("AzureResource", ResourceId=B.vault), {"resource": "not known (your roles do not reach it)"}),
    ("group", entity("AzureResource", ResourceId=A.subscription), {"resource": "not known (your roles do not reach it)"}),
    ("subscription", SAME_NAME, {"owner": "team 1 (of its subscription)"}),
    ("subscription", entity("Host", HostName="web-2"), {"resource": "no machine that your roles reach is named web-2"}),
    ("subscription", entity("Account", Name="ada", UPNSuffix="1.example"), {
        "account": f"not known ({UNREACHED})"}),
    ("subscription", entity("Account", AadUserId=A.admin), {
        "roles": f"a role of the class owner on {A.subscription}; others are not known ({UNREACHED})"}),
    ("group", entity("Account", AadUserId=A.admin), {
        "roles": f"not known ({UNREACHED})"}),
    ("subscription", entity("Account", AadUserId=A.identity), {
        "account": f"system-assigned managed identity of {A.site}",
        "roles": f"a role of the class owner on {A.group}; others are not known ({UNREACHED})"}),
    ("subscription", entity("Account", AadUserId=B.identity), {"account": f"not known ({UNREACHED})"}),
    ("tenant", entity("Account", Name="ada", UPNSuffix="1.example"), {
        "account": BLOCKED.format(A.admin), "roles": f"a role of the class owner on {A.subscription}"}),
    ("tenant", SHARED, {"roles": f"a role of the class owner on {PLATFORM}"}),
]  # fmt: skip


@pytest.mark.sampled(4)
@pytest.mark.parametrize(("name", "one", "told"), TOLD, ids=lambda one: getattr(one, "title", None))
def test_a_reader_is_told_of_what_they_reach(
    data: Path, name: str, one: Entity, told: dict[str, str]
) -> None:
    (found,) = describe(data, one, reader=READERS[name])
    assert {each: facts(found).get(each) for each in told} == told


def test_who_reaches_nothing_is_told_nothing(data: Path, tmp_path: Path) -> None:
    nothing = EstateReader(Reach(), Reach(), Reach(), Reach())
    assert EntityContexts(data, PublishedSnapshotCache(data)).describe(involve(*EVERY), nothing) is None
    assert (
        EntityContexts(tmp_path / "empty", PublishedSnapshotCache(tmp_path / "empty")).describe(involve(ADA))
        is None
    )


@pytest.mark.full
def test_a_newer_snapshot_is_read(data: Path) -> None:
    known = EntityContexts(data, PublishedSnapshotCache(data))
    (before,) = known.describe(involve(ADA))
    indexes = known.list_indexes()
    assert known.list_indexes() == indexes, "nothing is read anew"
    B.keep(data, NOW + timedelta(hours=1), without="graph/users")
    (after,) = known.describe(involve(ADA))
    assert (before.is_in_estate, after.is_in_estate) == (True, False)
    assert [old is new for old, new in zip(indexes, known.list_indexes(), strict=True)] == [True, False]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample company, stored and assessed."""
    folder = tmp_path_factory.mktemp("sample")
    scan = EstateScan(ScanRequest(("sample:",)), folder)
    estate = scan.estate()
    publish_report(folder, Report(scan.run(estate), "sample:"), {})
    open_tenant_store(folder, estate).append(estate, NOW)
    return folder


def test_assessments_and_attack_paths_are_told(sample: Path) -> None:
    snapshot = PublishedSnapshotCache(sample).load_newest()
    assert snapshot is not None
    every = snapshot.attack_paths.list_wanted(WHOLE.attack_paths)
    path = next(one for one in every if one.target.key)
    ids = [path.target.key, f"{path.target.key}-gone"]
    there, gone = describe(sample, *(entity("AzureResource", ResourceId=one) for one in ids))
    findings = snapshot.findings.list_for_resources(WHOLE.assessments, [path.target.key])
    assert findings
    assert [one.key for one in there.weaknesses] == [
        one.recommendation for one in findings if one.state.value == "NonCompliant"
    ]
    assert path.id in {one.id for one in there.paths}
    said = {one.name: one.value for one in there.facts}["assessments"]
    assert said.startswith(f"{len(there.weaknesses)} of {len(findings)} unhealthy")
    assert (gone.weaknesses, gone.paths) == ((), ())
    hidden = EstateReader(assessments=Reach(), attack_paths=Reach())
    (one,) = describe(sample, entity("AzureResource", ResourceId=ids[0]), reader=hidden)
    assert (one.weaknesses, one.paths) == (None, None)
    assert {each.name: each.value for each in one.facts}[
        "assessments"
    ] == "not known (your roles do not reach assessments)"


def test_who_reads_results_alone_is_told_of_them_and_of_no_resource(sample: Path) -> None:
    """Security Reader is such a role: it reads assessments, attack paths and role assignments."""
    snapshot = PublishedSnapshotCache(sample).load_newest()
    assert snapshot is not None
    every = snapshot.attack_paths.list_wanted(WHOLE.attack_paths)
    key = next(one for one in every if one.target.key).target.key
    vault, machine, stranger, address = (
        entity("AzureResource", ResourceId=key),
        entity("Host", HostName="vm-sbx-poc"),
        entity("Account", AadUserId="11111111-0000-4000-8000-000000000000"),
        entity("IP", Address="192.0.2.1"),
    )
    (whole,) = describe(sample, vault)
    results = EstateReader(resources=Reach())
    found = describe(sample, vault, machine, stranger, address, reader=results)
    beyond = "not known (your roles do not reach it)"
    assert (found[0].weaknesses, found[0].paths, whole.weaknesses is None) == (
        whole.weaknesses,
        whole.paths,
        False,
    )
    assert facts(found[0]) == {"resource": beyond}
    assert (found[0].is_readable, whole.is_readable) == (False, True)
    assert [facts(found[at])["resource"] for at in (1, 3)] == [beyond, beyond]
    assert facts(found[2])["account"] == "not known (your roles do not reach the directory of the tenant)"
    none = EstateReader(resources=Reach(), assessments=Reach())
    (hidden,) = describe(sample, vault, reader=none)
    assert (facts(hidden), hidden.resource) == ({"resource": beyond}, "")


@pytest.mark.full
def test_the_types_that_are_read_tell_as_much_as_the_whole_estate(sample: Path) -> None:
    """Indexes read some types; what they say of every machine and account is what the whole estate says."""
    from nephoscope.alerts.investigation.estate_context import EstateContext
    from nephoscope.alerts.investigation.estate_index import MACHINES, EstateIndex
    from nephoscope.estate.estate_view import EstateView

    (store,) = open_tenant_stores(sample)
    whole = EstateContext(EstateIndex(EstateView(store.load_estate(), NOW), store.tenant))
    (index,) = EntityContexts(sample, PublishedSnapshotCache(sample)).list_indexes()
    part = EstateContext(index)
    every = whole.index.view.estate.resources.values()
    services = (
        "microsoft.keyvault/vaults",
        "microsoft.sql/servers",
        "microsoft.web/sites",
        "microsoft.storage/storageaccounts",
    )
    asked = [
        entity("AzureResource", ResourceId=one.key) for one in every if one.type in (*MACHINES, *services)
    ]
    asked += [entity("Account", AadUserId=one) for one in whole.index.principals]
    assert len(asked) > 90
    assert [part.describe(one).document() for one in asked] == [
        whole.describe(one).document() for one in asked
    ]


def test_locations_and_egress_are_those_of_every_tenant(data: Path) -> None:
    estates = load_newest(data)
    assert [one.address for one in list_egress_addresses(estates)] == ["203.0.113.1", "203.0.113.2"]
    (office,) = merge_locations(estates)
    assert (office["Address"], office["Trusted"]) == ("198.51.100.0/24", "false"), (
        "one tenant does not trust it"
    )


@pytest.mark.full
def test_where_a_server_refreshes_nobody_waits_for_a_newer_snapshot(data: Path) -> None:
    known = EntityContexts(data, PublishedSnapshotCache(data))
    known.refresh()
    before = known.list_indexes()
    B.keep(data, NOW + timedelta(hours=1), without="graph/users")
    assert known.list_indexes() == before
    known.refresh()
    assert [one.is_in_estate for one in known.describe(involve(ADA))] == [False]
