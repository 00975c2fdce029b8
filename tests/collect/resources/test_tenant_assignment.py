"""Which tenant what is in files belongs to: what several tenants hold is never put together."""

from __future__ import annotations

import json
import re
from datetime import datetime

import pytest

from nephoscope.collect import resources
from nephoscope.collect.resources import SnapshotError, SnapshotSpool
from nephoscope.collect.resources.unstated_tenants import KnownTenants
from nephoscope.model.tenant_name import describe_tenant, is_tenant_stated

A, B = "aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002"
SUB_A, SUB_B = "aaaaaaaa-1111-4000-8000-000000000001", "bbbbbbbb-1111-4000-8000-000000000002"
GROUP = "/providers/Microsoft.Management/managementGroups/platform"
USERS = "microsoft.graph/users"


def subscription(id_, tenant=""):
    body = {"id": f"/subscriptions/{id_}", "name": id_, "properties": {"displayName": id_[:4]}}
    return body | ({"tenantId": tenant} if tenant else {})


def account(subscription_id, name="stone", **more):
    id_ = f"/subscriptions/{subscription_id}/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/{name}"
    return {"id": id_, "name": name, "properties": {"minimumTlsVersion": "TLS1_2"}, **more}


def group(title, tenant=""):
    properties = {"displayName": title} | ({"tenantId": tenant} if tenant else {})
    return {"id": GROUP, "name": "platform", "properties": properties}


def user(name):
    return {"id": f"/providers/{USERS}/{name}", "name": name, "properties": {"displayName": name}}


def write(folder, name, bodies, manifest=None):
    place = folder / name
    place.mkdir()
    (place / "all.json").write_text(json.dumps(bodies))
    if manifest is not None:
        (place / "coverage.json").write_text(json.dumps(manifest))
    return place


def loaded(paths, folder):
    """The estates in memory; those from disk must be the same."""
    estates = resources.load_tenants(paths)
    folder.mkdir()
    surveys = SnapshotSpool.of(paths, folder).read_surveys()
    assert [one.whole.tenant for one in surveys] == [one.tenant for one in estates]
    for survey, estate in zip(surveys, estates, strict=True):
        parts = [key for part in survey.iterate_parts(1) for key in part.resources]
        assert sorted(parts) == sorted(estate.resources)
        assert survey.whole.coverage == estate.coverage
    return {one.tenant: one for one in estates}


def test_a_management_group_of_one_name_is_each_tenants_own(tmp_path):
    first = write(tmp_path, "a", [subscription(SUB_A, A), group("Alpha"), account(SUB_A)])
    second = write(tmp_path, "b", [subscription(SUB_B, B), group("Beta"), account(SUB_B)])
    found = loaded([first, second], tmp_path / "spool")
    titles = {
        tenant: one.resources[GROUP.lower()].body["properties"]["displayName"]
        for tenant, one in found.items()
    }
    assert titles == {A: "Alpha", B: "Beta"}
    assert found[A].subscriptions == (f"/subscriptions/{SUB_A}",)


def test_what_one_directory_was_read_of_says_nothing_of_the_other(tmp_path):
    manifest = {"schemaVersion": 1, "scopes": {"": [USERS], f"/subscriptions/{SUB_A}": ["*"]}}
    refused = {"schemaVersion": 1, "scopes": {f"/subscriptions/{SUB_B}": ["*"]}, "gaps": {USERS: "403"}}
    first = write(tmp_path, "a", [subscription(SUB_A, A), user("ann")], manifest)
    second = write(tmp_path, "b", [subscription(SUB_B, B)], refused)
    found = loaded([first, second], tmp_path / "spool")
    assert found[A].coverage.covers(USERS, "")
    assert not found[B].coverage.covers(USERS, "")
    assert (found[A].coverage.gaps, found[B].coverage.gaps) == ({}, {USERS: "403"})


def test_rows_of_one_file_that_name_their_tenants_are_parted(tmp_path):
    rows = [
        subscription(SUB_A, A),
        subscription(SUB_B, B),
        account(SUB_A),
        account(SUB_B),
        group("Alpha", A),
        group("Beta", B),
    ]
    found = loaded([write(tmp_path, "both", rows)], tmp_path / "spool")
    assert {
        tenant: len(one.list_of_type("microsoft.storage/storageaccounts")) for tenant, one in found.items()
    } == {A: 1, B: 1}


def test_a_record_of_no_known_tenant_is_told_and_not_given_to_one(tmp_path):
    rows = [subscription(SUB_A, A), subscription(SUB_B, B), user("ann"), user("ben")]
    found = loaded([write(tmp_path, "both", rows)], tmp_path / "spool")
    assert all(not one.list_of_type(USERS) for one in found.values())
    for one in found.values():
        (lost,) = one.quarantine
        assert "2 records lie in no subscription and name no tenant" in lost.reason


def test_a_folder_with_a_subscription_of_a_tenant_is_of_it_and_a_directory_alone_is_not(tmp_path):
    first = write(tmp_path, "a", [subscription(SUB_A, A), account(SUB_A)])
    people = write(tmp_path, "people", [user("ann")])
    more = write(tmp_path, "more", [account(SUB_A, "second"), user("ben")])
    found = loaded([first, people, more], tmp_path / "spool")
    assert {tenant: names(one) for tenant, one in found.items()} == {A: ["ben"], "": ["ann"]}


def names(estate):
    return sorted(one.body["name"] for one in estate.list_of_type(USERS))


#: Arguments with what is in each, and what comes out: the users of each tenant.
UNSTATED = {
    "two-exports-are-two-tenants": (
        {"a": [account(SUB_A), user("ann")], "b": [account(SUB_B), user("ben")]}, [["ann"], ["ben"]],
    ),
    "directories-alone": ({"a": [user("ann")], "b": [user("ben")]}, [["ann"], ["ben"]]),
    "a-subscription-in-common": (
        {"a": [account(SUB_A), user("ann")], "b": [account(SUB_A, "other"), user("ben")]}, [["ann", "ben"]],
    ),
    "joined-by-a-third": (
        {"a": [account(SUB_A), user("ann")], "b": [account(SUB_B), user("ben")], "c": [account(SUB_A), account(SUB_B)]},
        [["ann", "ben"]],
    ),
    "files-of-a-folder": (
        {"x/a.json": [account(SUB_A)], "x/b.json": [user("ann")], "y/a.json": [account(SUB_B), user("ben")]}, [["ann"], ["ben"]],
    ),
    "files-of-two-exports-in-a-folder": (
        {"x/a.json": [account(SUB_A), user("ann")], "x/b.json": [account(SUB_B)], "x/c.json": [user("cat")]}, [["ann"], ["cat"], []],
    ),
    "a-file-beside-that-of-a-tenant": ({"x/a.json": [subscription(SUB_A, A)], "x/b.json": [user("ann")]}, [["ann"]]),
}  # fmt: skip


def write_arguments(folder, several):
    for name, bodies in several.items():
        place = folder / name if name.endswith(".json") else folder / name / "all.json"
        place.parent.mkdir(exist_ok=True)
        place.write_text(json.dumps(bodies))
    return [folder / name for name in several]


@pytest.mark.parametrize("case", UNSTATED)
def test_exports_that_name_no_tenant_are_each_of_their_own(tmp_path, case):
    several, expected = UNSTATED[case]
    paths = write_arguments(tmp_path, several)
    found = loaded(paths, tmp_path / "spool")
    assert sorted(map(names, found.values())) == sorted(expected)
    assert set(loaded(paths[::-1], tmp_path / "again")) == set(found)
    assert len(found) == 1 or not any(map(is_tenant_stated, found))


def test_a_tenant_that_is_stated_for_all_joins_them_and_never_those_that_name_one(tmp_path):
    paths = write_arguments(tmp_path, {"a": [account(SUB_A), user("ann")], "b": [user("ben")]})
    (one,) = resources.load_tenants(paths, knowledge=KnownTenants(A))
    assert (one.tenant, names(one)) == (A, ["ann", "ben"])
    named = write(tmp_path, "named", [subscription(SUB_B, B)])
    assert A not in {one.tenant for one in resources.load_tenants([*paths, named], knowledge=KnownTenants(A))}


ACCOUNT = {
    "id": SUB_A,
    "name": "first",
    "tenantId": A,
    "state": "Enabled",
    "isDefault": True,
    "user": {"name": "ann", "type": "user"},
}
#: Accounts of the command line, and the tenant that an export beside one is of.
ACCOUNTS = {
    "show": (ACCOUNT | {"environmentName": "AzureCloud", "homeTenantId": A}, A),
    "list": ([ACCOUNT | {"cloudName": "AzureCloud", "homeTenantId": A, "managedByTenants": []}], A),
    "of-a-provider": ([ACCOUNT | {"cloudName": "AzureCloud", "homeTenantId": B, "managedByTenants": [{"tenantId": A}]}], B),
    "without-a-subscription": ([ACCOUNT | {"cloudName": "AzureCloud", "id": A}], ""),
}  # fmt: skip


@pytest.mark.parametrize("case", ACCOUNTS)
def test_an_account_of_the_command_line_states_the_tenant(tmp_path, case):
    answer, expected = ACCOUNTS[case]
    place = write(tmp_path, "x", [account(SUB_A), user("ann")])
    (place / "account.json").write_text(json.dumps(answer))
    (one,) = resources.load_tenants([place])
    assert (one.tenant, names(one), one.subscriptions) == (expected, ["ann"], (f"/subscriptions/{SUB_A}",))
    assert not one.quarantine


#: The tenants of subscriptions that a data folder holds, and the tenants of an export of the first and one of the second.
KEPT = [
    ({}, ["not-stated-a", "not-stated-b"]),
    ({SUB_A: ""}, ["", "not-stated-b"]),
    ({SUB_A: "", SUB_B: ""}, ["not-stated-a", "not-stated-b"]),
    ({SUB_A: "unnamed-2", SUB_B: A}, ["unnamed-2", A]),
    ({SUB_A: A, SUB_B: A}, [A]),
]


@pytest.mark.parametrize(("kept", "expected"), KEPT)
def test_a_subscription_that_the_data_folder_holds_keeps_its_tenant(tmp_path, kept, expected):
    paths = write_arguments(tmp_path, {"a": [account(SUB_A)], "b": [account(SUB_B)]})
    found = resources.load_tenants(paths, knowledge=KnownTenants(read_kept=lambda: kept))
    cut = [
        re.sub("-[0-9a-f]{8}$", "", one.tenant) if "not-stated" in one.tenant else one.tenant for one in found
    ]
    assert sorted(cut) == sorted(expected)


@pytest.mark.parametrize(
    ("kept", "free"), [({}, True), ({"": ""}, True), ({SUB_B: ""}, False), ({SUB_B: A}, True)]
)
def test_the_only_directory_has_no_name_unless_another_tenant_without_one_is_kept(tmp_path, kept, free):
    paths = write_arguments(tmp_path, {"people": [user("ann")]})
    (one,) = resources.load_tenants(paths, knowledge=KnownTenants(read_kept=lambda: kept))
    assert (one.tenant == "") is free
    assert describe_tenant(one.tenant) == ("not stated" if free else "not stated: people")


def test_a_subscription_of_no_known_tenant_is_judged_by_itself(tmp_path):
    first = write(tmp_path, "a", [subscription(SUB_A, A), user("ann")])
    other = write(tmp_path, "b", [account(SUB_B)])
    found = loaded([first, other], tmp_path / "spool")
    assert {tenant: one.subscriptions for tenant, one in found.items()} == {
        "": (f"/subscriptions/{SUB_B}",), A: (f"/subscriptions/{SUB_A}",),
    }  # fmt: skip
    assert not found[""].coverage.covers(USERS, "")


def test_two_manifests_without_a_tenant_are_not_put_together(tmp_path):
    claims = {"schemaVersion": 1, "scopes": {"": [USERS]}}
    first = write(tmp_path, "a", [subscription(SUB_A)], claims)
    second = write(tmp_path, "b", [subscription(SUB_B)], {"schemaVersion": 1, "scopes": {}})
    found = loaded([first, second], tmp_path / "spool")
    assert [one.coverage.covers(USERS, "") for one in found.values()] == [True, False]


def test_a_manifest_of_several_tenants_speaks_of_each(tmp_path):
    manifest = {
        "schemaVersion": 2,
        "tenants": {
            A: {"scopes": {"": [USERS], f"/subscriptions/{SUB_A}": ["*"]}},
            B: {"scopes": {f"/subscriptions/{SUB_B}": ["*"]}},
        },
    }
    found = loaded([write(tmp_path, "both", [account(SUB_A), account(SUB_B)], manifest)], tmp_path / "spool")
    assert {tenant: one.coverage.covers(USERS, "") for tenant, one in found.items()} == {A: True, B: False}
    assert {tenant: one.subscriptions for tenant, one in found.items()} == {
        A: (f"/subscriptions/{SUB_A}",), B: (f"/subscriptions/{SUB_B}",),
    }  # fmt: skip


def test_what_asks_for_one_tenant_is_refused_several(tmp_path):
    rows = [subscription(SUB_A, A), subscription(SUB_B, B)]
    with pytest.raises(SnapshotError, match=f"to 2 tenants \\({A}, {B}\\)"):
        resources.load([write(tmp_path, "both", rows)])


def test_a_manifest_that_names_no_tenant_gives_each_its_subscriptions_and_the_times(tmp_path):
    """What it says above subscriptions is of nobody where several tenants share the folder; when they were read holds for all."""
    patches = "microsoft.compute/virtualmachines/patchassessmentresults"
    places = {A: f"/subscriptions/{SUB_A}", B: f"/subscriptions/{SUB_B}"}
    when = "2026-11-29T00:00:00+00:00"
    manifest = {
        "schemaVersion": 1,
        "scopes": {"": [USERS], GROUP: ["*"], **{place: [patches] for place in places.values()}},
        "gaps": {USERS: f"403 for {A}"},
        "readAt": {"": when, GROUP: when, **dict.fromkeys(places.values(), when)},
        "claimedAt": {place: {patches: when} for place in places.values()},
    }
    rows = [subscription(SUB_A, A), subscription(SUB_B, B), account(SUB_A), account(SUB_B)]
    found = loaded([write(tmp_path, "both", rows, manifest)], tmp_path / "spool")
    moment = datetime.fromisoformat(when)
    for tenant, place in places.items():
        coverage = found[tenant].coverage
        assert coverage.scopes == {place: {patches}}
        assert coverage.gaps == {}
        assert coverage.claimed_at == {place: {patches: moment}}
        assert {coverage.find_read_time(place), coverage.find_read_time("")} == {moment}
        (other,) = set(places) - {tenant}
        assert places[other] not in coverage.read_at
