"""The printed commands export a snapshot: run against a command in the place of az that answers as Azure does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest

from nephoscope.collect import resources
from nephoscope.collect.azure.content_requirements import ContentNeeds
from nephoscope.collect.azure.export_script import render_export_script

pytestmark = pytest.mark.system

SUBSCRIPTION = "/subscriptions/11111111-1111-1111-1111-111111111111"
SERVER = f"{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Sql/servers"
AUDIT = "microsoft.sql/servers/auditingsettings"
NEEDS = ContentNeeds(
    frozenset({"microsoft.sql/servers", AUDIT, "microsoft.graph/users", "microsoft.graph/groups",
               "microsoft.authorization/roleassignments"}),
    {AUDIT: frozenset({"microsoft.sql/servers"})},
    {},
)  # fmt: skip
AZ = """#!/usr/bin/env bash
here=$(dirname "$0")
printf '%s\\n' "$*" >> "$here/asked"
case "$*" in
  *ResourceGraph*)
    all="$*"; body=${all##*@}; body=${body%% *}
    page=1; grep -q 'skipToken": "more' "$body" && page=2
    table=$(sed 's/^{"query": "\\([a-z]*\\).*/\\1/' "$body")
    [ -e "$here/$table-$page.json" ] || { printf '{\\n  "count": 0,\\n  "data": []\\n}\\n'; exit 0; }
    cat "$here/$table-$page.json" ;;
  *permissions*) echo "${GRANTED:-1}" ;;
  *'account show'*) echo 55555555-5555-5555-5555-555555555555 ;;
  *'/subscriptions?'*) echo /subscriptions/11111111-1111-1111-1111-111111111111 ;;
  *servers/one/auditingSettings*) cat "$here/audit.json" ;;
  *servers/two/auditingSettings*) [ -z "${REFUSED:-}" ] || { cat "$here/refused" >&2; exit 1; }
    echo 'ERROR: Not Found({"error": {"code": "ResourceNotFound"}})' >&2; exit 3 ;;
  */members?*) cat "$here/members.json" ;;
  */groups?*) cat "$here/groups.json" ;;
  */users?*) cat "$here/users.json" ;;
  *) echo 'Not Found' >&2; exit 3 ;;
esac
"""

REFUSED = """ERROR: Forbidden({"error": {"code": "AuthorizationFailed", "message": "The client 'ann' with object id \
'4045d404-0404-4404-8404-404404404404' does not have authorization over scope '/subscriptions/1/resourceGroups/notfound-rg'"}})
"""


def _server(name):
    return {
        "id": f"{SERVER}/{name}",
        "name": name,
        "type": "microsoft.sql/servers",
        "properties": {"version": "12.0"},
    }


def _object(kind, name, **properties):
    return {"id": f"/providers/microsoft.graph/{kind}/{name}", "name": name, "type": f"microsoft.graph/{kind}",
            "properties": {"id": name, **properties}}  # fmt: skip


ANSWERS = {
    "resources-1": {"$skipToken": "more", "count": 1, "data": [_server("one")], "totalRecords": 2},
    "resources-2": {"count": 1, "data": [_server("two")], "totalRecords": 2},
    "authorizationresources-1": {
        "count": 1,
        "data": [
            {"id": f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleAssignments/a",
             "type": "microsoft.authorization/roleassignments", "properties": {"principalId": "g1", "scope": SUBSCRIPTION}}
        ],
    },
    "audit": {"value": [{"id": f"{SERVER}/one/auditingSettings/default", "properties": {"state": "Enabled"}}]},
    "groups": {"nextLink": None, "value": [_object("groups", "g1", displayName="one"), _object("groups", "g2", displayName="two")]},
    "users": {"nextLink": None, "value": [_object("users", "u1")]},
    "members": _object("groups", "g1", members=["u1"]),
}  # fmt: skip


@pytest.fixture
def export(tmp_path):
    for name, answer in ANSWERS.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(answer, indent=2) + "\n")
    (tmp_path / "az").write_text(AZ)
    (tmp_path / "refused").write_text(REFUSED)
    (tmp_path / "az").chmod(0o755)
    (tmp_path / "export.sh").write_text(render_export_script("az", NEEDS))

    def run(**environment):
        path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "export.sh", "estate"], cwd=tmp_path, env={**os.environ, "PATH": path, **environment},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done, resources.load([tmp_path / "estate"])

    return run


def test_the_exported_folder_is_a_whole_snapshot(export):
    done, estate = export()
    assert (done.returncode, done.stderr) == (0, "")
    assert estate.quarantine == ()
    assert {one.key for one in estate.list_of_type("microsoft.sql/servers")} == {
        f"{SERVER}/one".lower(),
        f"{SERVER}/two".lower(),
    }
    assert estate.resources[f"{SERVER}/one/auditingsettings/default".lower()].body["properties"] == {
        "state": "Enabled"
    }
    assert estate.resources["/providers/microsoft.graph/groups/g1"].body["properties"]["members"] == ["u1"]
    assert estate.tenant == "55555555-5555-5555-5555-555555555555"
    for type_ in ("microsoft.sql/servers", AUDIT, "microsoft.authorization/roleassignments"):
        assert estate.coverage.covers(type_, SUBSCRIPTION), type_
    assert estate.coverage.covers("microsoft.graph/users", "")
    assert estate.coverage.covers("microsoft.graph/groups", "")


def test_a_refused_list_is_a_gap(export):
    done, estate = export(REFUSED="1")
    assert done.returncode == 3
    assert f"not read: {AUDIT}: ERROR: Forbidden" in done.stderr
    assert not estate.coverage.covers(AUDIT, SUBSCRIPTION)
    assert estate.coverage.covers("microsoft.sql/servers", SUBSCRIPTION)


def test_without_the_role_reader_nothing_counts_as_read(export):
    done, estate = export(GRANTED="0")
    assert "the role Reader on the subscription is needed" in done.stderr
    assert not estate.coverage.covers("microsoft.sql/servers", SUBSCRIPTION)


def test_only_reads_are_sent(export, tmp_path):
    export()
    asked = (tmp_path / "asked").read_text().splitlines()
    assert all(
        "--method get" in one or "ResourceGraph/resources" in one or one.startswith("account show")
        for one in asked
    )
    assert len(asked) < 25


def test_the_commands_of_powershell_ask_the_same():
    """Brackets and quotes close, and each step of the one is a step of the other."""
    bash, powershell = (render_export_script(kind, NEEDS).splitlines() for kind in ("az", "powershell"))
    steps = [[line for line in text if line.startswith(words)] for text, words in (
        (bash, ("query ", "list ", "objects ")), (powershell, ("Query ", "List ", "Objects ")),
    )]  # fmt: skip
    assert len(steps[0]) == len(steps[1]) > 4
    assert all(line.count("'") % 2 == 0 for line in steps[1])
    if shutil.which("pwsh"):
        subprocess.run(["pwsh", "-NoProfile", "-Command", "[ScriptBlock]::Create($input) | Out-Null"],
                       input="\n".join(powershell), text=True, check=True)  # fmt: skip
