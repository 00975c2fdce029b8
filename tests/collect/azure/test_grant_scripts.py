"""The scripts that grant a collection its rights: they are what bash and az can run, and hold the table of rights and nothing else."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from nephoscope.collect.azure.grant_scripts import GRAPH_APP, CollectionGrant, render_az_script, render_bicep
from nephoscope.collect.azure.permissions import Permissions
from nephoscope.collect.azure.required_permissions import (
    READER,
    PermissionProvider,
    list_names,
    list_required_permissions,
)
from nephoscope.state.estate.tenants import TenantConnection

pytestmark = pytest.mark.system

TENANT, CLIENT = "11111111-2222-3333-4444-555555555555", "22222222-2222-3333-4444-555555555555"
ONE, TWO = "33333333-2222-3333-4444-555555555555", "44444444-2222-3333-4444-555555555555"
CONNECTIONS = {
    "everything": TenantConnection(TENANT),
    "subscriptions": TenantConnection(TENANT, "secret", CLIENT, (ONE, TWO)),
    "management-groups": TenantConnection(TENANT, "certificate", "", (), ("mg-one", "mg (two)")),
    "managed-identity": TenantConnection("", "managed-identity", "", (ONE,)),
    "government": TenantConnection(TENANT, "secret", "", (ONE,), (), "usgovernment"),
    "without-graph": TenantConnection(TENANT, "secret", "", (ONE,), graph=False),
}
#: An az that writes down what it is asked and answers as little as the script needs.
FAKE = """#!/usr/bin/env python3
import json, os, sys
given = sys.argv[1:]
definition = next((one for at, one in enumerate(given) if given[at - 1] == "--role-definition"), "")
with open(os.environ["ASKED"], "a") as out:
    out.write(json.dumps({"asked": given, "definition": json.load(open(definition)) if definition else None}) + "\\n")
said = " ".join(given)
if "--query tenantId" in said:
    print("TENANT")
elif "ad app create" in said:
    print("new-app")
elif "appRoles" in said:
    print("role-of-" + said.split("value=='")[1].split("'")[0])
elif "ad sp show" in said and "--query id" in said:
    print("graph-object" if "GRAPH" in said else "principal-object")
elif "credential reset" in said:
    print("made-secret")
""".replace("TENANT", TENANT).replace("GRAPH", GRAPH_APP)


@pytest.fixture
def ran(tmp_path: Path) -> Any:
    """Runs a script with the fake az; what az was asked, what the definitions were, and what was printed."""
    az_ = tmp_path / "bin" / "az"
    az_.parent.mkdir()
    az_.write_text(FAKE)
    az_.chmod(0o755)

    def run(script: str, *arguments: str) -> tuple[list[str], list[Any], str]:
        path, asked = tmp_path / "grant.sh", tmp_path / "asked"
        path.write_text(script)
        environment = {"PATH": f"{az_.parent}:/usr/bin:/bin", "ASKED": str(asked)}
        done = subprocess.run(
            ["bash", str(path), *arguments], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        rows = [json.loads(line) for line in asked.read_text().splitlines()]
        return (
            [" ".join(row["asked"]) for row in rows],
            [row["definition"] for row in rows if row["definition"]],
            done.stdout,
        )

    return run


def test_the_table_is_what_a_collection_asks(azure: Any, replay: Any, own_needs: Any, tmp_path: Any) -> None:
    """Granted exactly these actions, a collection misses nothing; without any one of them it does."""
    table = list_required_permissions(own_needs)
    azure.actions = list(list_names(table, PermissionProvider.AZURE))
    found = replay.collect(azure, own_needs, tmp_path / "out")
    assert found.gaps == ()
    granted = Permissions((((("*/read",)), ()),))
    assert all(granted.allows(name) for name in list_names(table, PermissionProvider.AZURE)), (
        "Reader allows all of them"
    )
    kinds = {path.rpartition("/")[2].partition("?")[0] for path in azure.log if path.startswith("GET /v1.0/")}
    assert kinds >= {
        "users",
        "groups",
        "servicePrincipals",
        "userRegistrationDetails",
        "roleAssignments",
        "roleEligibilityScheduleInstances",
    }
    assert len(list_names(table, PermissionProvider.GRAPH)) == 8


@pytest.mark.sampled(4)
@pytest.mark.parametrize("exact", [False, True], ids=["reader", "exact"])
@pytest.mark.parametrize("name", CONNECTIONS)
def test_the_script_grants_what_is_in_the_table(name: str, exact: bool, ran: Any, own_needs: Any) -> None:
    connection = CONNECTIONS[name]
    grant = CollectionGrant(connection, list_required_permissions(own_needs, graph=connection.graph), exact)
    arguments = ["the-object"] if connection.sign_in == "managed-identity" else []
    asked, definitions, printed = ran(render_az_script(grant), *arguments)
    scopes = grant.scopes or (f"/providers/Microsoft.Management/managementGroups/{TENANT}",)
    assigned = [one for one in asked if one.startswith("role assignment create")]
    assert [one.rpartition("--scope ")[2] for one in assigned] == list(scopes)
    principal = "the-object" if arguments else "principal-object"
    assert all(f"--assignee-object-id {principal} " in one for one in assigned)
    if exact:
        assert [one["Actions"] for one in definitions] == [list(grant.actions)] * len(scopes)
        assert [one["AssignableScopes"] for one in definitions] == [[scope] for scope in scopes]
        assert not any(one["NotActions"] or one["DataActions"] for one in definitions)
    else:
        assert all(f"--role {READER} " in one for one in assigned)
    posted = [one for one in asked if one.startswith("rest --method POST")]
    assert [one.partition('appRoleId": "role-of-')[2].partition('"')[0] for one in posted] == list(
        grant.permissions
    )
    writes = [one for one in asked if re.match(r"role |ad .* (create|reset)|rest --method POST", one)]
    assert len(writes) <= len(scopes) * 3 + len(grant.permissions) + 4
    assert TENANT in printed
    assert ("made-secret" in printed) == (connection.sign_in != "managed-identity")


@pytest.mark.full
@pytest.mark.parametrize("exact", [False, True], ids=["reader", "exact"])
@pytest.mark.parametrize("name", CONNECTIONS)
def test_the_bicep_file_holds_the_same(name: str, exact: bool, own_needs: Any) -> None:
    connection = CONNECTIONS[name]
    grant = CollectionGrant(connection, list_required_permissions(own_needs, graph=connection.graph), exact)
    text = render_bicep(grant)
    code = "\n".join(line for line in text.splitlines() if not line.startswith("//"))
    for opened, closed in ("{}", "[]", "()"):
        assert code.count(opened) == code.count(closed)
    assert code.count("'") % 2 == 0
    wanted = "subscription" if connection.subscriptions else "managementGroup"
    assert f"targetScope = '{wanted}'" in code
    listed = re.findall(r"^ {10}'([^']+)'$", code, re.MULTILINE)
    assert listed == (list(grant.actions) if exact else [])
    assert (READER in code) != exact
    assert [one for one in grant.permissions if f"'{one}'" not in code] == []
    assert ("extension microsoftGraphV1" in code) == connection.graph
