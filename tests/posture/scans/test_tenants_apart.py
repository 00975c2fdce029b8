"""What is said of a tenant is the same with and without another beside it, to the byte."""

from __future__ import annotations

import json
import random
import re
from datetime import UTC, datetime
from importlib.resources import files

import pytest

from nephoscope.model.read_scope import EVERYTHING, Reach
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.posture.reports.multi_tenant_report import combine_reports
from nephoscope.posture.reports.report import Report
from nephoscope.posture.reports.row_selection import RowSelection
from nephoscope.posture.scans.partitioned_scan import ComparisonBase, PartedScan, ReportSelection
from nephoscope.posture.scans.run_recording import Recorder
from nephoscope.posture.scans.scan import EstateScan, ScanRequest

NOW = datetime(2026, 11, 29, tzinfo=UTC)
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
GROUP = "/providers/Microsoft.Management/managementGroups/platform"
OWN = f"{GROUP}/providers/Microsoft.Authorization/policyDefinitions/own"
ASSIGNMENTS, USERS = "microsoft.authorization/roleassignments", "microsoft.graph/users"
DIRECTORY = [USERS, "microsoft.graph/groups", "microsoft.graph/serviceprincipals", "microsoft.management/managementgroups",
             "microsoft.authorization/roledefinitions"]  # fmt: skip


def assignment(scope, number, principal):
    id_ = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{number:08}-0000-4000-8000-000000000000"
    definition = f"/providers/Microsoft.Authorization/roleDefinitions/{OWNER}"
    return {
        "id": id_,
        "properties": {"roleDefinitionId": definition, "principalId": principal, "principalType": "User"},
    }


def built_in(id_, name):
    """A role that Azure has in every tenant; what a tenant's reads brought of such is seen by its readers."""
    properties = {
        "roleName": name,
        "type": "BuiltInRole",
        "permissions": [{"actions": ["*/read"]}],
        "assignableScopes": ["/"],
    }
    return {
        "id": f"/providers/Microsoft.Authorization/roleDefinitions/{id_}",
        "name": id_,
        "properties": properties,
    }


def person(id_, name, kind):
    body = {
        "id": id_,
        "displayName": name,
        "userPrincipalName": name,
        "userType": kind,
        "accountEnabled": kind == "Member",
    }
    return {"id": f"/providers/{USERS}/{id_}", "name": id_, "properties": body}


class Company:
    """A tenant with a subscription below a management group `platform`, a guest who owns at one of both, and two resources."""

    def __init__(self, digit, *, guest_at_group, directory):
        self.tenant = f"{digit * 8}-1111-4000-8000-000000000000"
        self.subscription = f"/subscriptions/{digit * 8}-2222-4000-8000-000000000000"
        member, guest = f"{digit * 8}-3333-4000-8000-000000000000", f"{digit * 8}-4444-4000-8000-000000000000"
        self.secret = f"guest-of-{digit}"
        self.bodies = [
            {
                "id": self.subscription, "tenantId": self.tenant,
                "properties": {"displayName": f"sub {digit}", "managementGroupAncestorsChain": [{"name": "platform"}]},
            },
            {"id": GROUP, "name": "platform", "properties": {"displayName": f"Platform {digit}", "tenantId": self.tenant}},
            {"id": f"{GROUP}/providers/Microsoft.Authorization/policyAssignments/own", "properties": {
                "displayName": f"policy-of-{digit}", "policyDefinitionId": OWN}},
            {"id": OWN, "name": "own", "properties": {
                "displayName": f"rule-of-{digit}", "policyType": "Custom", "mode": "Indexed", "policyRule": {
                    "if": {"allOf": [{"field": "type", "equals": "Microsoft.Storage/storageAccounts"},
                                     {"field": "location", "equals": "westeurope" if guest_at_group else "nowhere"}]},
                    "then": {"effect": "audit"}}}},
            built_in("acdd72a7-3385-48ef-bd42-f606fba81ae7", "Reader"),
            built_in(f"{digit * 8}-5555-4000-8000-000000000000", f"role-that-{digit}-read"),
            assignment(self.subscription, 1, member),
            assignment(GROUP if guest_at_group else self.subscription, 2, guest),
            {"id": f"{self.subscription}/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/same", "location": "westeurope",
             "properties": {"supportsHttpsTrafficOnly": guest_at_group, "minimumTlsVersion": "TLS1_2"}},
            {"id": f"{self.subscription}/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/same", "location": "westeurope",
             "properties": {"enableSoftDelete": True}},
        ]  # fmt: skip
        self.manifest = {
            "schemaVersion": 1,
            "scopes": {
                self.subscription: ["*"],
                "": [ASSIGNMENTS, *(DIRECTORY if directory else DIRECTORY[3:])],
            },
            "gaps": {} if directory else {USERS: "403 on users"},
        }
        if directory:
            self.bodies += [
                person(member, f"member-of-{digit}", "Member"),
                person(guest, self.secret, "Guest"),
            ]

    def write(self, folder):
        folder.mkdir()
        (folder / "all.json").write_text(json.dumps(self.bodies))
        (folder / "coverage.json").write_text(json.dumps(self.manifest))
        return str(folder)


PAIRS = [
    pytest.param((True, True), id="both-directories"),
    pytest.param((True, False), id="the-second-without-directory"),
    pytest.param((False, True), id="the-first-without-directory", marks=pytest.mark.full),
]


@pytest.fixture(params=PAIRS)
def companies(request, tmp_path):
    first, second = request.param
    return (
        (one := Company("a", guest_at_group=True, directory=first), one.write(tmp_path / "one")),
        (two := Company("b", guest_at_group=False, directory=second), two.write(tmp_path / "two")),
    )


def judged(targets, data, *, assigned=False):
    scan = EstateScan(ScanRequest(tuple(targets), assigned=assigned), data, NOW)
    return combine_reports([Report(scan.run(estate), "x") for estate in scan.load_estates()])


def verdicts(report, tenant):
    """Everything that is said of a tenant, reasons to the byte."""
    return sorted(
        repr((row.assessment, row.recommendation.name, report.reasons(row), report.reason_of(row)))
        for row in report.rows
        if row.tenant == tenant
    )


@pytest.mark.parametrize("assigned", [False, True])
def test_verdicts_of_both_are_those_of_each_alone(companies, tmp_path, assigned):
    both = judged([folder for _, folder in companies], tmp_path / "data", assigned=assigned)
    for company, folder in companies:
        alone = judged([folder], tmp_path / "data", assigned=assigned)
        assert verdicts(alone, company.tenant)
        assert verdicts(both, company.tenant) == verdicts(alone, company.tenant)


def test_attack_paths_of_both_are_those_of_each_alone(companies, tmp_path):
    both = judged([folder for _, folder in companies], tmp_path / "data")
    for part, (_, folder) in zip(both.parts, companies, strict=True):
        alone = judged([folder], tmp_path / "data")
        assert repr(part.attack_paths.paths) == repr(alone.attack_paths.paths)
        assert part.attack_paths.gaps == alone.attack_paths.gaps


def test_scores_and_counts_add_up(companies, tmp_path):
    both = judged([folder for _, folder in companies], tmp_path / "data")
    alone = [judged([folder], tmp_path / "data") for _, folder in companies]
    assert both.resources == sum(one.resources for one in alone)
    assert both.states == sum((one.states for one in alone), start=type(both.states)())
    assert both.score.subscriptions == tuple(scope for one in alone for scope in one.score.subscriptions)


def test_a_report_from_disk_is_the_same(companies, tmp_path):
    folder = tmp_path / "parts"
    folder.mkdir()
    scan = EstateScan(ScanRequest(tuple(folder for _, folder in companies)), tmp_path / "data", NOW)
    parted = PartedScan(scan, folder, 1).report(ReportSelection(RowSelection()), ComparisonBase())
    both = judged([folder for _, folder in companies], tmp_path / "data")
    assert (parted.group_sizes, parted.resources, parted.score) == (
        both.group_sizes,
        both.resources,
        both.score,
    )


#: Ids that Azure has in every tenant, such as those of roles and policies, keep their first digit.
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def write_sample(folder, *, other):
    """The sample estate; or another of the same names, ids of principals and groups, thinned out and without its directory."""
    sample = files("nephoscope.content") / "sample" / "snapshot"
    texts = {
        f"{part.name}/{one.name}": one.read_text() for part in sample.iterdir() if part.is_dir() for one in part.iterdir()
    }  # fmt: skip
    manifest = json.loads((sample / "coverage.json").read_text())
    own = set(
        re.findall(
            r"/subscriptions/([0-9a-f-]{36})|\"tenantId\": ?\"([0-9a-f-]{36})", "".join(texts.values())
        )
    )
    renamed = {one: f"{(int(one[0], 16) + 1) % 16:x}{one[1:]}" for pair in own for one in pair if one}
    keep = random.Random(7)
    for name, text in texts.items():
        rows = json.loads(_GUID.sub(lambda found: renamed.get(found[0], found[0]), text) if other else text)
        if other:
            several = rows if isinstance(rows, list) else rows["data" if "data" in rows else "value"]
            several[:] = [] if "directory" in name else [one for one in several if keep.random() < 0.8]
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(rows))
    if other:
        manifest["scopes"] = {
            _GUID.sub(lambda found: renamed.get(found[0], found[0]), scope): [one for one in types if "microsoft.graph" not in one]
            for scope, types in manifest["scopes"].items()
        }  # fmt: skip
        manifest["gaps"] = {USERS: "403 on users"}
    (folder / "coverage.json").write_text(json.dumps(manifest))
    return str(folder)


@pytest.mark.full
def test_a_whole_estate_is_judged_the_same_beside_another_of_the_same_names(tmp_path):
    """Every definition that comes along, every analyzer and attack path, on the sample estate and one like it."""
    folders = [write_sample(tmp_path / "one", other=False), write_sample(tmp_path / "two", other=True)]
    both = judged(folders, tmp_path / "data")
    for part, folder in zip(both.parts, folders, strict=True):
        alone = judged([folder], tmp_path / "data")
        (tenant,) = {row.tenant for row in alone.rows}
        assert len(expected := verdicts(alone, tenant)) > 2000
        assert verdicts(both, tenant) == expected
        assert repr(part.attack_paths.paths) == repr(alone.attack_paths.paths)
        assert part.attack_paths.gaps == alone.attack_paths.gaps
    assert both.parts[0].attack_paths.paths


def published(companies, data):
    report = judged([folder for _, folder in companies], data)
    Recorder(data, "default").record(report)
    return PublishedSnapshotCache(data).load_newest()


def reader(*several):
    return Reach(
        subscriptions=frozenset(one.subscription.rsplit("/", 1)[-1] for one in several),
        management_groups=frozenset({GROUP.lower()}),
        tenants=frozenset(one.tenant for one in several),
    )


def seen(snapshot, reach):
    types = sorted({type_ for several in snapshot.types.values() for type_ in several})
    listed = [body for one in types for body in snapshot.listing.page([one], reach, collected=True).bodies]
    rows = [
        result.table.to_pylist()
        for table in (
            "resourcecontainers",
            "resources",
            "authorizationresources",
            "policyresources",
            "securityresources",
        )
        for result in snapshot.query(f"{table} | order by id asc, tenantId asc", reach)
    ]
    return json.dumps([listed, rows, snapshot.listing.get(GROUP, reach)], default=str, sort_keys=True)


@pytest.mark.full
def test_a_reader_of_one_tenant_sees_the_same_with_the_other_beside_it(companies, tmp_path):
    """Of each kind of document, by lists, by id and by KQL."""
    both = published(companies, tmp_path / "both")
    for number, pair in enumerate(companies):
        company = pair[0]
        alone = published([pair], tmp_path / f"alone-{number}")
        assert seen(both, reader(company)) == seen(alone, reader(company))
        others = [one for one, _ in companies if one is not company]
        for other in others:
            text = seen(both, reader(company))
            assert not [
                word
                for word in (
                    other.secret,
                    other.tenant,
                    other.subscription,
                    f"policy-of-{other.subscription[15]}",
                    f"rule-of-{other.subscription[15]}",
                )
                if word in text
            ]


def test_both_management_groups_of_one_name_are_listed_page_by_page(companies, tmp_path):
    snapshot = published(companies, tmp_path / "data")
    names, after = [], ""
    while True:
        page = snapshot.listing.page(
            ["microsoft.management/managementgroups"], EVERYTHING, after=after, most=1
        )
        names += [one["properties"]["displayName"] for one in page.bodies]
        after = page.after
        if not after:
            break
    assert names == ["Platform a", "Platform b"]


def test_a_second_evaluation_finds_nothing_new(companies, tmp_path):
    data = tmp_path / "data"
    report = judged([folder for _, folder in companies], data)
    assert len(Recorder(data, "default").record(report)) > 0
    later = EstateScan(ScanRequest(tuple(folder for _, folder in companies)), data, NOW.replace(day=30))
    again = combine_reports([Report(later.run(estate), "x") for estate in later.load_estates()])
    assert list(Recorder(data, "default").record(again)) == []
