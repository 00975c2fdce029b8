"""What exports lose is told and unread, and what they change in form is put back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import exported

from nephoscope.collect import resources
from nephoscope.collect.resources.formats import az_list
from nephoscope.collect.resources.powershell_artifacts import PowerShellArtifactScan
from nephoscope.collect.resources.powershell_dates import may_hold_dates
from nephoscope.collect.resources.truncated_values import (
    is_truncated_rendering,
    may_hold,
    remove_truncated_values,
)
from nephoscope.posture.policies.policy_packs import Packs
from nephoscope.posture.scans.scan import EstateScan, ScanRequest
from nephoscope_policy.body_paths import split_path
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.resource_view import NotCollected, View

GROUP = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg"
SITE = f"{GROUP}/providers/Microsoft.Web/sites/orchard"
ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/orchard"
NSG = f"{GROUP}/providers/Microsoft.Network/networkSecurityGroups/orchard"
VAULT = {
    "id": f"{GROUP}/providers/Microsoft.KeyVault/vaults/v",
    "type": "microsoft.keyvault/vaults",
    "properties": {"a": 1},
}


def load(tmp_path, name, document):
    text = document if isinstance(document, str) else json.dumps(document)
    (tmp_path / name).write_text(text)
    return resources.load([tmp_path / name])


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("@{bypass=AzureServices; ipRules=System.Object[]}", True),
        ("@{}", True),
        ("@{a.b=}", True),
        ("System.Object[]", True),
        ("System.Object", True),
        ("System.String[]", True),
        ("System.Collections.Hashtable", True),
        ("System.Collections.Generic.List`1[System.String]", True),
        ("System.Object[] System.Object[]", True),
        ("@{a=1} @{b=2}", True),
        ("[object Object]", True),
        ("[object Object],[object Object]", True),
        ("Microsoft.Azure.Commands.Network.Models.PSSubnet", True),
        ("Microsoft.Azure.Management.Storage.Models.NetworkRuleSet", True),
        # what resources say of themselves
        ("@{variables('region')}", False),
        ("@{triggerBody()?['a=b']}", False),
        ("Microsoft.Azure.Monitor", False),
        ("Microsoft.Azure.Security.AntimalwareSignature", False),
        ("System", False),
        ("SystemAssigned", False),
        ("System.Web is used", False),
        ("see @{a=1}", False),
        ("", False),
    ],
)
def test_what_is_a_rendering(text, rendered):
    assert is_truncated_rendering(text) is rendered


CUT = {
    "id": ACCOUNT,
    "tags": {"note": "@{not=cut}"},
    "sku": "@{name=Standard_LRS}",
    "properties": {
        "networkAcls": {"bypass": "None", "ipRules": "System.Object[]", "resourceAccessRules": ""},
        "rules": [{"name": "a", "ports": "System.Object[]"}],
        "minimumTlsVersion": "TLS1_2",
    },
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("properties.minimumTlsVersion", "TLS1_2"),
        ("properties.networkAcls.bypass", "None"),
        ("properties.isHnsEnabled", "absent"),
        ("tags.note", "@{not=cut}"),
        ("kind", "absent"),
        ("sku", None),
        ("sku.name", None),
        ("SKU.Name", None),
        ("properties", None),
        ("properties.networkAcls", None),
        ("properties.networkAcls.ipRules", None),
        ("properties.networkacls.IPRULES.value", None),
        ("properties.rules", None),
        ("properties.rules[0].name", None),
    ],
)
def test_a_read_at_above_or_below_a_cut_value_is_unknown(tmp_path, path, value):
    view = View(load(tmp_path, "cut.json", [CUT]).resources[ACCOUNT.lower()])
    assert not view.complete
    if value is None:
        with pytest.raises(NotCollected, match="-Depth 100"):
            view.follow(split_path(path))
    else:
        found = view.follow(split_path(path))
        assert found == value or value == "absent"
        assert value != "absent" or not isinstance(found, str)


@pytest.mark.parametrize(
    ("body", "unread"),
    [
        ({"identity": "System.Management.Automation.PSCustomObject"}, ["identity"]),
        ({"identity": "Newtonsoft.Json.Linq.JObject", "zones": "1"}, ["identity", "zones"]),
        ({"sku": "{'name': 'Standard_LRS'}", "tags": "{'a': 'b'}"}, ["sku", "tags"]),
        # an enumeration of a cmdlet
        ({"identity": {"Type": 0, "PrincipalId": "p"}}, ["identity.type"]),
        ({"sku": {"name": 3, "tier": 1, "capacity": 2}}, ["sku.name", "sku.tier"]),
        ({"kind": 1, "location": {"name": "westeurope"}}, ["kind", "location"]),
        # what Azure has
        (
            {
                "identity": None,
                "sku": {"name": "S1", "capacity": 2},
                "tags": None,
                "zones": ["1"],
                "kind": "",
            },
            [],
        ),
        ({"identity": {"type": "SystemAssigned"}, "tags": {"a": "[b]", "": ""}, "plan": {"name": "p"}}, []),
    ],
)
def test_what_every_type_has_beside_its_properties_is_known_by_its_form(tmp_path, body, unread):
    known = {"id": f"{GROUP}/providers/Orchard.Trees/trees/a", "properties": {"a": 1}, **body}
    estate = load(tmp_path, "form.json", [known])
    (read,) = [one for one in estate.resources.values() if not one.derived]
    assert sorted(".".join(path) for path in read.unread) == unread
    assert read.complete is not bool(unread)
    assert bool(estate.quarantine) is bool(unread)


def test_a_cut_file_is_told_once_with_the_remedy(tmp_path):
    estate = load(tmp_path, "cut.json", [CUT, {**CUT, "id": f"{ACCOUNT}2"}])
    (told,) = estate.quarantine
    assert "ConvertTo-Json -Depth 100 (2 records, the first is /subscriptions/" in told.reason
    assert told.place.line == 1


@pytest.mark.parametrize(
    ("subnets", "named"),
    [
        (["@{name=a; id=NETWORK/subnets/a; properties=; type=x}", "@{name=b; id=NETWORK/subnets/b}"], ["a", "b"]),
        ("@{name=a; id=NETWORK/subnets/a; properties=}", ["a"]),
        ([{"id": "NETWORK/subnets/a", "name": "a", "properties": "@{addressPrefix=10.0.0.0/24}"}], ["a"]),
        (
            [
                {"id": "NETWORK/subnets/a", "name": "a", "properties": {"addressPrefix": "10.0.0.0/24", "nsg": "@{id=x}"}},
                {"id": "NETWORK/subnets/b", "name": "b", "properties": {"addressPrefix": "10.0.1.0/24"}},
                {"name": "c", "properties": {}},
            ],
            ["a", "b", "c"],
        ),
        (["@{name=a; id=NETWORK-2/subnets/a}", "@{id=NETWORK/virtualNetworkPeerings/p}", "@{name=b}"], []),
        ("System.Object[]", []),
    ],
)  # fmt: skip
def test_a_child_that_was_cut_inside_its_parent_is_there_and_was_not_read(tmp_path, subnets, named):
    id_ = f"{SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/n"
    cut = json.loads(json.dumps(subnets).replace("NETWORK", id_))
    found = load(
        tmp_path, "all.json", [{"id": id_, "properties": {"subnets": cut, "enableDdosProtection": False}}]
    )
    children = found.list_of_type("microsoft.network/virtualnetworks/subnets")
    assert [one.name for one in children] == named
    assert not any(one.complete for one in children)
    assert not found.coverage.covers("microsoft.network/virtualnetworks/subnets", SUBSCRIPTION)


def test_a_text_that_a_star_goes_over_is_unknown_in_a_cut_record(tmp_path):
    body = {"id": ACCOUNT, "properties": {"zones": "1 2", "other": "@{a=1}"}}
    view = View(load(tmp_path, "cut.json", [body]).resources[ACCOUNT.lower()])
    assert view.follow(("properties", "zones")) == "1 2"
    with pytest.raises(NotCollected):
        view.follow_to_elements(("properties", "zones"))


def test_what_was_cut_survives_a_round_trip(tmp_path):
    first = load(tmp_path, "cut.json", [CUT]).resources[ACCOUNT.lower()]
    again = load(tmp_path, "again.json", [first.body]).resources[ACCOUNT.lower()]
    assert again.unread == first.unread == Resource.of(first.body, complete=False).unread
    assert ("properties", "networkacls", "iprules") in again.unread


def test_a_whole_body_wins_over_a_cut_one(tmp_path):
    whole = {"id": ACCOUNT, "properties": {"minimumTlsVersion": "TLS1_0"}}
    estate = load(tmp_path, "both.json", [whole, CUT])
    assert estate.resources[ACCOUNT.lower()].complete


@pytest.mark.parametrize(
    ("body", "unread"),
    [
        ({"id": NSG, "properties": {"securityRules": [{"properties": {"destinationPortRanges": "22 3389"}}]}}, "securityrules"),
        ({"id": NSG, "properties": {"securityRules": [{"properties": {"sourceAddressPrefixes": ""}}]}}, "securityrules"),
        ({"id": f"{NSG}/securityRules/r", "properties": {"DestinationPortRanges": "22"}}, "destinationportranges"),
        ({"id": f"{GROUP}/providers/Microsoft.Insights/activityLogAlerts/a", "properties": {"scopes": "/x /y"}}, "scopes"),
    ],
)  # fmt: skip
def test_a_text_in_the_place_of_a_list_is_unread(tmp_path, body, unread):
    """The last level of a cut export holds lists joined to texts; nothing else in such a record need be cut."""
    estate = load(tmp_path, "cut.json", [body])
    found = estate.resources[body["id"].lower()]
    assert found.unread == {("properties", unread)}
    (told,) = estate.quarantine
    assert "ConvertTo-Json -Depth 100" in told.reason


TEXTS = (
    '{"name": "ssh", "properties": {"destinationPortRange": "22"}}',
    "{name=ssh, access=Allow}",
    "{}",
    "[]",
    "@{name=ssh",
    "System.Management.Automation.PSCustomObject",
    "Newtonsoft.Json.Linq.JObject",
    "System.Text.Json.JsonElement",
    "{Microsoft.Azure.Commands.Network.Models.PSSecurityRule}",
    "words of a program",
)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(
    ("body", "unread"),
    [
        (lambda text: {"id": NSG, "properties": {"securityRules": [text]}}, ("properties", "securityrules")),
        (
            lambda text: {"id": NSG, "properties": {"securityRules": [{"name": "a", "properties": text}]}},
            ("properties", "securityrules"),
        ),
        (lambda text: {"id": ACCOUNT, "properties": {"networkAcls": text}}, ("properties", "networkacls")),
        (lambda text: {"id": ACCOUNT, "sku": text, "properties": {"a": 1}}, ("sku",)),
    ],
)
def test_a_text_in_the_place_of_an_object_is_unread(tmp_path, text, body, unread):
    """Whatever a program writes for what it does not serialize: the aliases that go into it tell that it is no text."""
    estate = load(tmp_path, "cut.json", [body(text)])
    found = estate.resources[body(text)["id"].lower()]
    assert found.unread == {unread}
    assert not found.complete


@pytest.mark.parametrize(
    "name", ["accessToken", "accountKey", "connectionString", "password", "sasUri", "servicePrincipalKey"]
)
@pytest.mark.parametrize("value", ["AccountKey=x", {"type": "SecureString", "value": "**********"}])
def test_a_secret_of_a_data_factory_may_be_a_text_or_an_object(tmp_path, name, value):
    """A policy looks for the text: it is what Azure has, and is not cut."""
    service = f"{GROUP}/providers/Microsoft.DataFactory/factories/f/linkedservices/a"
    body = {"id": service, "properties": {"type": "AzureBlobStorage", "typeProperties": {name: value}}}
    estate = load(tmp_path, "whole.json", [body])
    found = estate.resources[service.lower()]
    assert (found.complete, found.unread, estate.quarantine) == (True, frozenset(), ())
    assert found.body["properties"]["typeProperties"] == {name: value}


def test_lists_that_only_an_imported_table_of_aliases_knows_are_looked_for(tmp_path):
    """Whoever imports aliases of a type has policies over its lists: they must not take a joined list for a value."""
    thing = f"{GROUP}/providers/Contoso.Own/things/a"
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "cut.json").write_text(
        json.dumps([{"id": thing, "properties": {"ports": "22 3389", "port": "22 3389"}}])
    )
    table = tmp_path / "aliases.json"
    table.write_text(json.dumps({"Contoso.Own/things/ports[*]": "properties.ports[*]"}))

    def unread():
        scan = EstateScan(ScanRequest((str(tmp_path / "in"),)), tmp_path / "data")
        (estate,) = scan.load_estates()
        folder = tmp_path / f"spool-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        (survey,) = scan.survey_estates(folder)
        (parted,) = survey.iterate_parts(1_000)
        return [one.resources[thing.lower()].unread for one in (estate, parted)]

    assert unread() == [frozenset()] * 2
    Packs(tmp_path / "data").add_aliases(table)
    assert unread() == [{("properties", "ports")}] * 2


def test_texts_and_lists_in_their_own_places_are_read(tmp_path):
    rule = {"destinationPortRange": "22 3389", "destinationPortRanges": ["22"], "sourceAddressPrefixes": None}
    body = {
        "id": NSG,
        "tags": {"securityRules": "a b"},
        "properties": {"securityRules": [{"properties": rule}]},
    }
    estate = load(tmp_path, "whole.json", [body])
    assert estate.resources[NSG.lower()].complete
    assert estate.quarantine == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("ab @{=};.[]"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from("abcd"), JSON, max_size=4), st.integers(0, 4), st.booleans())
def test_no_rendering_is_left_and_the_rest_is_as_it_was(properties, depth, joined):
    """Whatever is cut: each path of the whole value is the same, is unread, or lies under or over what is unread."""
    body = {"id": ACCOUNT, "properties": properties}
    cut = exported.cut(body, depth + 1, joined=joined)
    if not remove_truncated_values(cut):
        return
    unread = {tuple(path) for path in cut.pop("unreadPaths")}
    assert not any(is_truncated_rendering(item) for _, item in _leaves(cut))
    for path, item in _leaves(cut):
        keys = tuple(part for part in path if isinstance(part, str))
        assert not any(keys[: len(one)] == one for one in unread)
        whole = body
        for part in path:
            whole = whole[part]
        assert item == whole or (isinstance(whole, list | dict) and isinstance(item, str))


def _leaves(value, path=()):
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _leaves(item, (*path, number))
    else:
        yield path, value


def test_an_element_keeps_the_properties_that_its_command_left_it(tmp_path):
    """Of a storage account some releases of the command flatten the account and not what is in its lists."""
    link = {
        "id": f"{ACCOUNT}/privateEndpointConnections/one",
        "name": "one",
        "properties": {"provisioningState": "Succeeded"},
    }
    account = {
        "id": ACCOUNT,
        "resourceGroup": "rg",
        "minimumTlsVersion": "TLS1_2",
        "privateEndpointConnections": [link],
    }
    body = load(tmp_path, "accounts.json", [account]).resources[ACCOUNT.lower()].body
    assert body["properties"]["privateEndpointConnections"] == [link]


def test_a_flattened_group_has_its_rules(tmp_path):
    rule = {"access": "Allow", "direction": "Inbound", "destinationPortRange": "22", "priority": 100}
    group = {
        "id": NSG, "name": "orchard", "location": "westeurope", "resourceGroup": "rg", "etag": 'W/"1"', "tags": None,
        "securityRules": [{**rule, "name": "ssh", "id": f"{NSG}/securityRules/ssh", "resourceGroup": "rg", "etag": 'W/"1"'}],
        "defaultSecurityRules": [{**rule, "name": "deny"}],
        "subnets": [{"id": f"{GROUP}/providers/Microsoft.Network/virtualNetworks/v/subnets/s", "resourceGroup": "rg"}],
    }  # fmt: skip
    estate = load(tmp_path, "nsg.json", [group])
    found = estate.resources[NSG.lower()]
    assert found.complete
    assert found.body["type"] == "microsoft.network/networksecuritygroups"
    assert found.body["properties"]["subnets"] == [{"id": group["subnets"][0]["id"]}]
    assert found.body["properties"]["defaultSecurityRules"][0] == {"name": "deny", "properties": rule}
    assert estate.resources[f"{NSG}/securityrules/ssh".lower()].body["properties"] == rule
    assert estate.quarantine == ()


SUBSCRIPTION = GROUP.partition("/resourceGroups")[0]
ROLES = f"{SUBSCRIPTION}/providers/Microsoft.Authorization"


def test_a_role_of_az_role_definition_list_is_read(tmp_path):
    permission = {"actions": ["*"], "notActions": [], "dataActions": [], "notDataActions": []}
    row = {
        "assignableScopes": ["/"], "createdBy": None, "createdOn": "2015-02-02T21:55:09Z", "description": "d", "name": "r",
        "id": f"{ROLES}/roleDefinitions/r", "permissions": [{**permission, "condition": None}], "roleName": "Owner",
        "roleType": "BuiltInRole", "type": "Microsoft.Authorization/roleDefinitions",
    }  # fmt: skip
    estate = load(tmp_path, "roles.json", [row])
    assert estate.resources[row["id"].lower()].body == {
        "id": row["id"], "name": "r", "type": row["type"],
        "properties": {
            "assignableScopes": ["/"], "createdOn": row["createdOn"], "description": "d", "permissions": [permission],
            "roleName": "Owner", "type": "BuiltInRole",
        },
    }  # fmt: skip
    assert estate.resources[row["id"].lower()].complete
    assert estate.quarantine == ()


def assignment(scope, **members):
    return {
        "condition": None, "id": f"{scope}/providers/Microsoft.Authorization/roleAssignments/a", "name": "a", "principalId": "p",
        "principalName": "ada@orchard.example", "principalType": "User", "roleDefinitionId": f"{ROLES}/roleDefinitions/r",
        "roleDefinitionName": "Owner", "scope": scope, "type": "Microsoft.Authorization/roleAssignments", **members,
    }  # fmt: skip


def test_an_assignment_of_az_role_assignment_list_is_read(tmp_path):
    row = assignment(GROUP, resourceGroup="RG")
    estate = load(tmp_path, "assignments.json", [row])
    found = estate.resources[row["id"].lower()]
    assert found.body == {
        "id": row["id"], "name": "a", "type": row["type"],
        "properties": {
            "principalId": "p", "principalType": "User", "roleDefinitionId": row["roleDefinitionId"], "scope": GROUP,
        },
    }  # fmt: skip
    assert (found.complete, estate.quarantine) == (True, ())


@pytest.mark.parametrize(
    ("rows", "missing"),
    [
        ([assignment(SUBSCRIPTION)], True),
        ([assignment(SUBSCRIPTION), assignment("/providers/Microsoft.Management/managementGroups/m")], True),
        ([assignment(SUBSCRIPTION), assignment(GROUP, resourceGroup="rg")], False),
        ([assignment(GROUP, resourceGroup="rg"), assignment(SUBSCRIPTION)], False),
    ],
)
def test_assignments_of_the_subscription_alone_are_not_all(tmp_path, rows, missing):
    estate = load(tmp_path, "assignments.json", rows)
    assert any("--all" in one.reason for one in estate.quarantine) is missing
    assert estate.coverage.covers("microsoft.authorization/roleassignments", SUBSCRIPTION) is not missing


@pytest.mark.parametrize(
    ("id_", "command"),
    [
        (SITE, "az graph query -q \"resources | where type =~ 'Microsoft.Web/sites'\" --first 1000"),
        (
            f"{GROUP}/providers/Microsoft.KeyVault/vaults/v",
            "\"resources | where type =~ 'Microsoft.KeyVault/vaults'\"",
        ),
        (
            f"{GROUP}/providers/Microsoft.Authorization/policyAssignments/p",
            "\"policyresources | where type =~ 'Microsoft.Authorization/policyAssignments'\"",
        ),
        (f"{SITE}/slots/s", "\"resources | where type =~ 'Microsoft.Web/sites/slots'\""),
        (
            f"{GROUP}/providers/Microsoft.Sql/servers/s/firewallRules/f",
            "nephoscope collect --type Microsoft.Sql/servers/firewallRules",
        ),
    ],
)
def test_what_is_not_exact_names_the_command_that_has_it(tmp_path, id_, command):
    (told,) = load(tmp_path, "rows.json", [{"id": id_, "resourceGroup": "rg", "some": 1}]).quarantine
    assert command in told.reason


def test_a_flattened_type_that_is_not_exact_is_named_and_not_read(tmp_path):
    site = {"id": SITE, "name": "orchard", "resourceGroup": "rg", "httpsOnly": False, "kind": "app"}
    estate = load(tmp_path, "sites.json", [site, {**site, "id": f"{SITE}2"}])
    found = estate.resources[SITE.lower()]
    assert (found.complete, "httpsOnly" in found.body, found.body["kind"]) == (False, False, "app")
    (told,) = estate.quarantine
    assert (
        "az graph query -q \"resources | where type =~ 'Microsoft.Web/sites'\" --first 1000 (2 records"
        in told.reason
    )


BODIES = st.fixed_dictionaries(
    {
        "id": st.just(ACCOUNT),
        "name": st.just("orchard"),
        "type": st.just("Microsoft.Storage/storageAccounts"),
        "properties": st.fixed_dictionaries(
            {"provisioningState": st.just("Succeeded"), "accessTier": st.just("Hot")},
            optional={
                "supportsHttpsTrafficOnly": st.booleans(),
                "isNfsV3Enabled": st.booleans(),
                "minimumTlsVersion": st.sampled_from(["TLS1_0", "TLS1_2"]),
                "networkAcls": st.fixed_dictionaries(
                    {"defaultAction": st.sampled_from(["Allow", "Deny"])},
                    optional={
                        "ipRules": st.lists(st.fixed_dictionaries({"value": st.just("198.51.100.1"), "action": st.just("Allow")})),
                        "virtualNetworkRules": st.lists(st.fixed_dictionaries({"id": st.just(f"{GROUP}/x")}), max_size=2),
                    },
                ),
                "privateEndpointConnections": st.lists(
                    st.fixed_dictionaries(
                        {"name": st.just("p"), "properties": st.dictionaries(st.sampled_from(["a", "b"]), st.integers())}
                    ),
                    max_size=2,
                ),
            },
        ),
    }
)  # fmt: skip


@given(BODIES)
def test_putting_back_undoes_flattening(body):
    listed = exported.flattened(json.loads(json.dumps(body)))
    assert az_list.recognizes(listed)
    (record,) = az_list.records(listed)
    assert record.body == body


@pytest.mark.parametrize(
    "value",
    [
        VAULT,
        {**VAULT, "resourceGroup": "rg"},
        {"id": ACCOUNT, "location": "westeurope", "resourceGroup": "rg"},
        {
            "id": ACCOUNT,
            "properties": None,
            "resourceGroup": "rg",
            "provisioningState": "Succeeded",
            "createdTime": "",
        },
        {"id": ACCOUNT, "tenantId": "t", "resourceGroup": "rg", "tls": "TLS1_0"},
        {"id": ACCOUNT, "apis": []},
    ],
)
def test_other_records_are_no_flattened_objects(value):
    assert not az_list.recognizes(value)


def test_a_list_without_properties_is_told_once(tmp_path):
    estate = load(tmp_path, "list.json", [{"id": ACCOUNT, "properties": None}, {"id": NSG}])
    (told,) = estate.quarantine
    assert "az graph query" in told.reason
    assert "(2 records)" in told.reason
    assert load(tmp_path, "mixed.json", [{"id": ACCOUNT}, VAULT]).quarantine == ()


def test_a_resource_group_tells_nothing_of_an_export(tmp_path):
    """It may have no properties, so that a list of everything with one is still a list without properties."""
    group = {"id": GROUP, "name": "rg", "type": "Microsoft.Resources/resourceGroups", "properties": None}
    (told,) = load(tmp_path, "list.json", [group, {"id": ACCOUNT, "properties": None}]).quarantine
    assert "(1 record)" in told.reason
    assert load(tmp_path, "groups.json", [group]).quarantine == ()


ROWS = 'id,type,tags,properties\n"{0}",x,"{{""a"": ""b""}}","{{""n"": [1, null]}}"\n{1},x,null,\n'


@pytest.mark.parametrize("mark", ["", "\ufeff", "#TYPE Selected.PSCustomObject\n"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("spelled", [str, str.upper])
def test_a_comma_separated_export_is_read(tmp_path, mark, end, spelled):
    head, _, rows = ROWS.format(ACCOUNT, NSG).partition("\n")
    text = f"{mark}{spelled(head)}\n{rows}"
    (tmp_path / "export.csv").write_bytes(text.replace("\n", end).encode())
    estate = resources.load([tmp_path])
    body = estate.resources[ACCOUNT.lower()].body
    assert (body["tags"], body["properties"]) == ({"a": "b"}, {"n": [1, None]})
    assert not estate.resources[NSG.lower()].complete
    assert "tags" not in estate.resources[NSG.lower()].body
    assert estate.quarantine == ()


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (f"id,type\n{ACCOUNT},x\n{NSG}\n", 3, "the row has 1 cells, the header 2"),
        ("name,type\na,b\n", 1, "the table has no column 'id', so that its rows name no resource"),
        (
            "NAME,TYPE,RESOURCE GROUP,LOCATION\na,Key vault,rg,West Europe\nb,c,d,e\n",
            1,
            "in Resource Graph Explorer and download",
        ),
        (f'id,type\n{ACCOUNT},"x\n', 2, "cannot be read as a comma-separated table"),
        (f'id,properties\n{ACCOUNT},"@{{a=System.Object[]}}"\n', 2, "ConvertTo-Json -Depth 100"),
    ],
)
def test_what_is_wrong_with_a_comma_separated_export_has_its_place(tmp_path, text, line, reason):
    told, *more = load(tmp_path, "export.csv", text).quarantine
    assert (told.place.line, reason in told.reason) == (line, True), told
    assert line > 1 or not more, "what is wrong with all rows is said once"


def page(count, total, token=None, first=0):
    rows = [{**VAULT, "id": f"{VAULT['id']}{number}"} for number in range(first, first + count)]
    return {"count": count, "data": rows, "skip_token": token, "total_records": total}


@pytest.mark.parametrize(
    ("pages", "missing"),
    [
        ([page(2, 2)], False),
        ([page(2, 5)], True),
        ([page(2, 5, "t"), page(2, 5, None, 2)], True),
        ([page(2, 4, "t"), page(2, 4, None, 2)], False),
        ([page(2, 3, "t")], True),
        ([page(3, 3), page(1, 1, None, 5)], False),
    ],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_an_answer_with_fewer_records_than_there_are_is_a_missing_page(tmp_path, pages, missing, indent):
    for number, one in enumerate(pages):
        (tmp_path / f"page{number}.json").write_text(json.dumps(one, indent=indent))
    estate = resources.load([tmp_path])
    assert bool(estate.quarantine) is missing
    assert estate.coverage.covers("microsoft.keyvault/vaults", GROUP) is not missing


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ([{"StatusCode": 200, "Content": ""}], "an answer without content"),
        ({"StatusCode": 200, "Content": "oops"}, "expected a JSON object"),
        ({"responses": [{"httpStatusCode": 403, "content": {"error": {"code": "AuthorizationFailed"}}}]}, "status 403"),
        ({"StatusCode": 403, "Content": json.dumps({"error": {"code": "AuthorizationFailed"}})}, "it says AuthorizationFailed"),
        ({"StatusCode": 500, "Content": "oops"}, "no code of an error"),
        ({"error": {"code": "AuthorizationFailed", "message": "x"}}, "an error answer of Azure, AuthorizationFailed"),
        ({"value": "@{id=/subscriptions/x; name=y}"}, "-Depth 100"),
        ({"value": "System.Object[]"}, "-Depth 100"),
        ("null", "JSON without a record, null"),
        ("42", "JSON without a record, a number"),
        ('"x"', "JSON without a record, a text"),
        ("true", "JSON without a record, a boolean"),
        ("id: 1", "neither JSON nor a table"),
        ([{**VAULT, "id": VAULT["id"].replace("keyvault", "\u212aeyvault").replace("vaults/v", "vaults/\u212a")}], "U+212A"),
    ],
)  # fmt: skip
def test_what_is_no_export_is_told_with_what_to_do(tmp_path, document, told):
    (found,) = load(tmp_path, "a.json", document).quarantine
    assert told in found.reason
    assert "must keep the column" not in found.reason


def _printed(content):
    return {
        "Headers": [],
        "Version": "1.1",
        "StatusCode": 200,
        "Method": "GET",
        "Content": json.dumps(content),
    }


def _batch(*contents):
    return {"responses": [{"name": str(n), "httpStatusCode": 200, "content": one} for n, one in enumerate(contents)]}  # fmt: skip


@pytest.mark.parametrize(
    ("document", "whole"),
    [
        (_printed({"value": [VAULT]}), True),
        (_printed(VAULT), True),
        ([_printed({"value": [VAULT], "nextLink": "https://x/vaults?a=1"}), _printed({"value": []})], True),
        (_printed({"value": [VAULT], "nextLink": "https://x/vaults?a=1"}), False),
        (_batch({"value": [VAULT]}, {"value": []}), True),
        (_batch({"value": [VAULT], "nextLink": "https://x/vaults?a=1"}), False),
        (_batch({"data": [VAULT], "total_records": 2}), False),
    ],
)
def test_an_answer_inside_a_record_is_read_as_the_answer(tmp_path, document, whole):
    estate = load(tmp_path, "a.json", document)
    assert VAULT["id"].lower() in estate.resources
    assert estate.resources[VAULT["id"].lower()].complete
    assert bool(estate.quarantine) is not whole
    assert estate.coverage.covers("microsoft.keyvault/vaults", GROUP) is whole


def test_an_azure_error_may_be_a_property_of_a_resource(tmp_path):
    found = load(tmp_path, "a.json", [{**VAULT, "error": {"code": "x"}, "StatusCode": 1, "Content": 2}])
    assert not found.quarantine


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (json.dumps({"a": 1}), {"a": 1}),
        (f" {json.dumps({'b': '@{c=1}'})}", {}),
        ("{no json", None),
        ("[1]", None),
    ],
)
def test_properties_as_json_in_a_text_are_read(tmp_path, text, read):
    loaded = load(tmp_path, "a.json", [{**VAULT, "properties": text}]).resources.values()
    (found,) = [one for one in loaded if one.type.endswith("vaults")]
    assert found.complete is (read == {"a": 1})
    if read is not None:
        assert {
            name: value for name, value in found.body["properties"].items() if name != "unreadPaths"
        } == read


PARTS = (
    '"@{a=1}"', '"System.Object[]"', '"Microsoft.Azure.Commands.X"', '"[object Object]"', '"/Date(1)/"',
    '"Microsoft.Azure.Monitor"', '"@"', '"DisplayHint"', "x", " " * 40,
)  # fmt: skip


@given(st.lists(st.sampled_from(PARTS), max_size=8), st.integers(1, 40))
def test_a_mark_is_seen_however_the_bytes_come(parts, size):
    data = "".join(parts).encode()
    marks = PowerShellArtifactScan()
    for start in range(0, len(data), size):
        marks.feed(data[start : start + size])
    assert marks.seen or not (may_hold(data) or may_hold_dates(data))
    assert not marks.seen or may_hold(data) or may_hold_dates(data)
