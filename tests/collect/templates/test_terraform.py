"""Terraform plans: every table maps, unknown values stay unknown, references, modules, counts and keys are followed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nephoscope.collect.templates.discovery import UnreadableFileError, find_reader, read_template
from nephoscope.collect.templates.terraform.attributes import MISSING, PlanAttributes
from nephoscope.collect.templates.terraform.mapping_expression import MappingError, compile_expression
from nephoscope.collect.templates.terraform.mapping_table import ResourceTable, load_tables
from nephoscope.collect.templates.terraform.plan import TerraformPlan
from nephoscope_policy.arm.unknown import Unknown

GROUP = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg"


def change(
    address: str, after: Any, unknown: Any = None, *, module: str = "", sensitive: Any = None
) -> dict[str, Any]:
    local = address.removeprefix(f"{module}.")
    return {
        "address": address, "mode": "managed", "type": local.split(".")[0], "name": "x",
        **({"module_address": module} if module else {}),
        "change": {"actions": ["create"], "after": after, "after_unknown": unknown or {}, "after_sensitive": sensitive or {}},
    }  # fmt: skip


def mapped(*changes: dict[str, Any], configuration: Any = None) -> TerraformPlan:
    plan = {"format_version": "1.2", "resource_changes": list(changes), "configuration": configuration or {}}
    read = read_template("plan.json", json.dumps(plan, indent=1))
    assert read is not None
    assert isinstance(read[1], TerraformPlan)
    return read[1]


def refers(address: str, **references: list[str]) -> dict[str, Any]:
    return {
        "address": address,
        "expressions": {name: {"references": given} for name, given in references.items()},
    }


def attributes(values: Any, unknown: Any = None) -> PlanAttributes:
    return PlanAttributes(values, unknown or {}, {}, (), lambda _: None)


@pytest.mark.parametrize(
    ("text", "values", "want"),
    [
        ("a", {"a": 1}, 1), ("a", {"a": None}, MISSING), ("a.b", {"a": [{"b": 2}]}, 2), ("a | b", {"b": 3}, 3), ("not a",
        {"a": True}, False),
        ("a ? Yes : No", {"a": False}, "No"), ("a ? Yes : No", {}, MISSING), ("a ? X : none", {"a": False}, MISSING),
        ("'{a}_{b}'", {"a": "x", "b": "y"}, "x_y"), ("'{a}'", {}, MISSING), ("exists a", {"a": []}, False), ("exists a",
        {"a": [{}]}, True),
        ('a as join(", ")', {"a": ["x", "y"]}, "x, y"), ("a as map(p=q)", {"a": "p"}, "q"), ("= true", {}, True),
        ("a as int", {"a": "5"}, 5),
        ("a as name", {"a": "/x/y"}, "y"), ("a as above", {"a": "/p/x/k/n"}, "/p/x"), ("a ? X : Y || b", {"b": "z"}, "z"),
        ("a as first", {"a": ["q"]}, "q"), ("a as lower", {"a": "Q"}, "q"), ("a | = true", {}, True),
    ],
)  # fmt: skip
def test_expressions_of_tables(text: str, values: Any, want: Any) -> None:
    assert compile_expression(text)(attributes(values)).value == want


@pytest.mark.parametrize("text", ["a as nothing", "A-b", "a..b", ""])
def test_wrong_expressions_are_refused(text: str) -> None:
    with pytest.raises(MappingError):
        compile_expression(text)


def test_what_is_not_known_makes_the_result_unknown() -> None:
    for text in ("a", "not a", "a ? X : Y", "'{a}_x'", "a as lower", "exists a"):
        assert isinstance(compile_expression(text)(attributes({}, {"a": True})).value, Unknown), text


def _leaves(rule: Any) -> list[str]:
    if isinstance(rule, str):
        return [rule]
    return [leaf for value in rule.values() for leaf in _leaves(value)] if isinstance(rule, dict) else []


@pytest.mark.parametrize("table", load_tables().values(), ids=lambda table: table.resource)
def test_every_table_maps_a_resource(table: ResourceTable) -> None:
    for leaf in (
        *_leaves({k: v for k, v in table.body.items() if "list" not in str(v)}),
        table.name,
        *table.parents,
    ):
        compile_expression(leaf)
    if table.merge_into:
        return
    given = {"name": "x", "resource_group_name": "rg", "location": "westeurope", "tags": {"a": "b"}}
    for text in (table.parent, table.scope, table.name, *table.parents):
        for name in [
            part.strip("'{}. ")
            for part in text.replace("{", " {").split()
            if "{" in part or part.isidentifier()
        ]:
            plain = name.partition("}")[0].split("/")[0]
            if plain.isidentifier() and plain not in given and plain != "as":
                given[plain] = f"{GROUP}/providers/A.B/c/d" if plain.endswith(("_id", "scope")) else "n"
    plan = mapped(change(f"{table.resource}.x", given))
    (made,) = [one for one in plan.list_resources_at(f"{table.resource}.x") if one.type == table.type][:1]
    assert made.id.startswith("/subscriptions/")
    assert made.is_id_known, made.id
    assert made.body["tags"] == {"a": "b"}
    assert plan.unmapped == []


def test_at_least_120_types_are_mapped() -> None:
    assert len({table.type.lower() for table in load_tables().values() if table.type}) >= 120


STORAGE = {
    "name": "st", "resource_group_name": "rg", "location": "westeurope", "account_tier": "Standard", "account_replication_type": "LRS",
    "min_tls_version": "TLS1_2", "https_traffic_only_enabled": True, "public_network_access_enabled": False, "tags": None,
    "network_rules": [{"default_action": "Deny", "bypass": ["Logging", "Metrics"], "ip_rules": ["1.2.3.4"],
    "virtual_network_subnet_ids": []}],
}  # fmt: skip


def test_a_storage_account_is_its_twin() -> None:
    plan = mapped(change("azurerm_storage_account.a", STORAGE))
    (made,) = plan.resources
    assert made.id == f"{GROUP}/providers/Microsoft.Storage/storageAccounts/st"
    assert made.body["sku"] == {"name": "Standard_LRS"}
    assert made.body["properties"]["publicNetworkAccess"] == "Disabled"
    assert made.body["properties"]["networkAcls"] == {
        "defaultAction": "Deny", "bypass": "Logging, Metrics", "ipRules": [{"value": "1.2.3.4", "action": "Allow"}],
        "virtualNetworkRules": [],
    }  # fmt: skip
    assert "tags" not in made.body
    place = made.trace("properties", "networkAcls", "defaultAction")[-1].place
    assert place.path == "resource_changes[0].change.after.network_rules[0].default_action"
    assert plan.document.text.splitlines()[place.line - 1][place.column - 1 :].startswith('"Deny"')
    assert made.trace("properties", "nothing")[-1].place == made.place


def test_values_known_after_the_apply_and_secrets_are_unknown() -> None:
    after = {**STORAGE, "min_tls_version": None, "account_kind": "Secret"}
    plan = mapped(
        change(
            "azurerm_storage_account.a", after, {"min_tls_version": True}, sensitive={"account_kind": True}
        )
    )
    body = plan.resources[0].body
    assert body["properties"]["minimumTlsVersion"].cause == "runtime"
    assert body["kind"].cause == "secret"


def test_ids_are_found_by_references() -> None:
    configuration = {
        "root_module": {
            "resources": [
                refers(
                    "azurerm_mssql_database.d",
                    server_id=["azurerm_mssql_server.s.id", "azurerm_mssql_server.s"],
                ),
                refers(
                    "azurerm_monitor_diagnostic_setting.m",
                    target_resource_id=["azurerm_mssql_database.d.id", "azurerm_mssql_database.d"],
                ),
                refers("azurerm_mssql_firewall_rule.f", server_id=["azurerm_mssql_server.s.id", "local.x"]),
            ]
        }
    }
    plan = mapped(
        change("azurerm_mssql_database.d", {"name": "db"}, {"server_id": True}),
        change("azurerm_monitor_diagnostic_setting.m", {"name": "m"}, {"target_resource_id": True}),
        change("azurerm_mssql_firewall_rule.f", {"name": "f"}, {"server_id": True}),
        change("azurerm_mssql_server.s", {"name": "sv", "resource_group_name": "rg"}),
        configuration=configuration,
    )
    database = f"{GROUP}/providers/Microsoft.Sql/servers/sv/databases/db"
    assert plan.list_resources_at("azurerm_mssql_database.d")[0].id == database
    assert plan.list_resources_at("azurerm_mssql_database.d")[0].name == "sv/db"
    assert (
        plan.list_resources_at("azurerm_monitor_diagnostic_setting.m")[0].id
        == f"{database}/providers/Microsoft.Insights/diagnosticSettings/m"
    )
    rule = plan.list_resources_at("azurerm_mssql_firewall_rule.f")[0]
    assert not rule.is_id_known
    part = "{azurerm_mssql_firewall_rule.f.server_id}"
    assert rule.id == f"{GROUP[:-2]}{part}/providers/Microsoft.Sql/servers/{part}/firewallRules/f"


def test_instances_refer_to_those_of_their_key() -> None:
    configuration = {
        "root_module": {
            "resources": [refers("azurerm_key_vault_key.k", key_vault_id=["azurerm_key_vault.v", "each.key"])]
        }
    }
    configuration["root_module"]["resources"][0]["expressions"]["key_vault_id"]["references"] = [
        "azurerm_key_vault.v.id",
        "azurerm_key_vault.v",
        "each.key",
    ]
    plan = mapped(
        *(
            change(f'azurerm_key_vault.v["{key}"]', {"name": f"v{key}", "resource_group_name": "rg"})
            for key in "ab"
        ),
        *(change(f'azurerm_key_vault_key.k["{key}"]', {"name": "k"}, {"key_vault_id": True}) for key in "ab"),
        configuration=configuration,
    )
    for key in "ab":
        assert (
            plan.list_resources_at(f'azurerm_key_vault_key.k["{key}"]')[0].id
            == f"{GROUP}/providers/Microsoft.KeyVault/vaults/v{key}/keys/k"
        )


def test_references_go_through_modules() -> None:
    inner = {
        "resources": [refers("azurerm_private_endpoint.p", subnet_id=["var.subnet"])],
        "outputs": {},
    }
    network = {
        "resources": [],
        "outputs": {"subnet_id": {"expression": {"references": ["azurerm_subnet.s.id", "azurerm_subnet.s"]}}},
    }
    configuration = {
        "root_module": {
            "module_calls": {
                "app": {
                    "module": inner,
                    "expressions": {"subnet": {"references": ["module.net.subnet_id", "module.net"]}},
                },
                "net": {"module": network},
            }
        }
    }
    plan = mapped(
        change(
            "module.app[0].azurerm_private_endpoint.p",
            {"name": "p", "resource_group_name": "rg"},
            {"subnet_id": True},
            module="module.app[0]",
        ),
        change(
            "module.net.azurerm_subnet.s",
            {"name": "s", "virtual_network_name": "vn", "resource_group_name": "rg"},
            module="module.net",
        ),
        configuration=configuration,
    )
    subnet = plan.list_resources_at("module.app[0].azurerm_private_endpoint.p")[0].body["properties"][
        "subnet"
    ]["id"]
    assert subnet == f"{GROUP}/providers/Microsoft.Network/virtualNetworks/vn/subnets/s"


def test_parts_are_merged_and_children_are_below_their_parent() -> None:
    configuration = {
        "root_module": {
            "resources": [
                refers(
                    "azurerm_storage_account_network_rules.n",
                    storage_account_id=["azurerm_storage_account.a.id", "azurerm_storage_account.a"],
                )
            ]
        }
    }
    plan = mapped(
        change(
            "azurerm_storage_account_network_rules.n",
            {"default_action": "Allow", "ip_rules": ["9.9.9.9"]},
            {"storage_account_id": True},
        ),
        change("azurerm_storage_account.a", STORAGE),
        change(
            "azurerm_network_security_rule.r",
            {"name": "r", "network_security_group_name": "g", "resource_group_name": "rg", "access": "Allow"},
        ),
        change("azurerm_network_security_group.g", {"name": "g", "resource_group_name": "rg"}),
        configuration=configuration,
    )
    rules = plan.list_resources_at("azurerm_storage_account.a")[0].body["properties"]["networkAcls"]
    assert rules["defaultAction"] == "Allow"
    assert [rule["value"] for rule in rules["ipRules"]] == ["1.2.3.4", "9.9.9.9"]
    rule = plan.list_resources_at("azurerm_network_security_rule.r")[0]
    assert rule.container == plan.list_resources_at("azurerm_network_security_group.g")[0].id


def test_blocks_become_children() -> None:
    after = {
        "name": "w",
        "resource_group_name": "rg",
        "https_only": True,
        "site_config": [{"minimum_tls_version": "1.0", "ftps_state": "FtpsOnly"}],
    }
    plan = mapped(change("azurerm_linux_web_app.w", after))
    config = next(one for one in plan.resources if one.type.endswith("/config"))
    assert config.id == f"{GROUP}/providers/Microsoft.Web/sites/w/config/web"
    assert config.body["properties"]["minTlsVersion"] == "1.0"
    assert plan.resources[0].body["properties"]["siteConfig"]["ftpsState"] == "FtpsOnly"


def test_azapi_is_arm() -> None:
    body = json.dumps({"properties": {"publicNetworkAccess": "Enabled"}, "sku": {"name": "S1"}})
    parent = f"{GROUP}/providers/Microsoft.Search/searchServices/s"
    plan = mapped(
        change(
            "azapi_resource.a",
            {
                "type": "Microsoft.Search/searchServices@2023-11-01",
                "name": "s",
                "parent_id": GROUP,
                "body": body,
            },
        ),
        change(
            "azapi_resource.b",
            {
                "type": "Microsoft.Search/searchServices/x@1",
                "name": "y",
                "parent_id": parent,
                "body": {"properties": {}},
            },
        ),
        change("azapi_resource.c", {"type": "A.B/c@1", "name": "y", "parent_id": GROUP}, {"body": True}),
    )
    first, second, third = plan.resources
    assert first.id == parent
    assert first.body["properties"] == {"publicNetworkAccess": "Enabled"}
    assert first.body["sku"] == {"name": "S1"}
    assert (second.id, second.name, second.type) == (
        f"{parent}/x/y",
        "s/y",
        "Microsoft.Search/searchServices/x",
    )
    assert isinstance(third.body["properties"], Unknown)


def test_deleted_and_unmapped_resources_are_said() -> None:
    gone = change("azurerm_storage_account.a", None)
    gone["change"]["actions"] = ["delete"]
    plan = mapped(gone, change("azurerm_new_thing.b", {"name": "b"}), change("random_id.c", {"hex": "a"}))
    assert plan.deleted == ["azurerm_storage_account.a"]
    assert [(one.address, plan.document.find_place(one.path).line > 1) for one in plan.unmapped] == [
        ("azurerm_new_thing.b", True)
    ]


def test_a_state_is_read_too() -> None:
    resource = {
        "address": "azurerm_storage_account.a",
        "mode": "managed",
        "type": "azurerm_storage_account",
        "values": STORAGE,
    }
    state = {
        "format_version": "1.0",
        "terraform_version": "1.9",
        "values": {"root_module": {"child_modules": [{"address": "module.m", "resources": [resource]}]}},
    }
    read = read_template("state.json", json.dumps(state))
    assert read is not None
    assert [one.address for one in read[1].resources] == ["azurerm_storage_account.a"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "text",
    [
        '{"format_version": "1", "resource_changes": [',
        '{"format_version": "1", "resource_changes": 1, "x": ' + "[" * 5000,
    ],
)
def test_broken_plans_are_refused_with_a_place(text: str) -> None:
    assert find_reader("p.json", text) is not None
    with pytest.raises(UnreadableFileError) as caught:
        read_template("p.json", text)
    assert caught.value.line >= 1


@pytest.mark.parametrize(
    "plan",
    [{"resource_changes": [1, None, {"change": 5}]}, {"resource_changes": {}},
     {"planned_values": {"root_module": {"resources": [None, 3]}}},
     {"resource_changes": [{"address": 1, "type": "azurerm_lb", "change": {"after": [1], "after_unknown": True}}]}],
)  # fmt: skip
def test_plans_of_another_shape_give_what_they_can(plan: dict[str, Any]) -> None:
    read_template("p.json", json.dumps({"format_version": "1", "terraform_version": "1", **plan}))
