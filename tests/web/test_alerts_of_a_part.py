"""Who reaches a part of the estate sees the alerts about it: in the list, by text, in numbers, on their pages; and no more of them."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from dataclasses import replace

import pytest
from tests.web.conftest import ALERT, HERE, QUERY, alert
from tests.web.sending import sent, tick

SEVERAL, MINE, THEIRS, AWAY = (f"0e000000-0000-0000-0000-00000000000{at}" for at in range(1, 5))
LIST = "/alerts?span=90d"
GROUP = "rg-sbx-dev"


def vault(subscription: str, group: str, name: str) -> str:
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.KeyVault/vaults/{name}"


@pytest.fixture(scope="module")
def other(instance):
    names = instance.snapshots.load_newest().build_info.subscriptions
    return next(id_ for id_, name in names.items() if name == "sub-bwf-data-prod")


@pytest.fixture(scope="module", autouse=True)
def raised(instance, sandbox, other):
    """Alerts of both subscriptions, of each alone, and one of another workspace."""
    instance.state.workspaces.add("other")
    mine, theirs = vault(sandbox, GROUP, "kv-mine"), vault(other, "rg-secret", "kv-secret")
    about = {
        SEVERAL: ("Both", (theirs, mine)),
        MINE: ("Mine", (mine,)),
        THEIRS: ("Hidden", (theirs,)),
        AWAY: ("Away", (mine,)),
    }
    with instance.state.transaction() as session:
        number = instance.state.alerts.find_alert(session, ALERT).incident
        for id_, (name, several) in about.items():
            made = alert(id_, number if id_ == MINE else None, name)
            entities = [{"Type": "account", "Name": "ada", "UPNSuffix": "bwf.example"}]
            entities += [{"Type": "azure-resource", "ResourceId": one} for one in several]
            said = f"ada read {' and '.join(one.rsplit('/', 1)[-1] for one in several)}"
            told = {"Query": QUERY, "Analytic Rule Name": "Keys" if id_ == MINE else name}
            document = made.document | {
                "Entities": json.dumps(entities), "Description": said, "RemediationSteps": "[]",
                "ExtendedProperties": json.dumps(told),
            }  # fmt: skip
            workspace = "other" if id_ == AWAY else "default"
            instance.state.alerts.put(session, replace(made, workspace=workspace, document=document))


@pytest.fixture(scope="module", params=["", f"/resourcegroups/{GROUP}"], ids=["subscription", "group"])
def reader(visitor, sandbox, request):
    return visitor(("Reader", f"/subscriptions/{sandbox}{request.param}"))


def listed(client, query=""):
    answer = client.get(f"{LIST}{query}&format=csv")
    assert answer.status_code == 200, answer.text
    return sorted(row["Alert"] for row in csv.DictReader(io.StringIO(answer.text)))


SECRETS = ("kv-secret", "rg-secret", "Hidden", "Keys &lt;were&gt; read", "AzureDiagnostics")


def test_the_list_has_those_that_name_what_is_reached(reader, other):
    assert listed(reader) == ["Away", "Both", "Mine"]
    text = reader.get(LIST).text
    assert [word for word in (*SECRETS, other) if word in text] == []
    assert "/incidents/" not in text
    assert listed(reader, "&workspace=other") == ["Away"]
    assert listed(reader, "&workspace=nowhere") == []


def test_the_number_beside_the_page_is_that_of_the_list(reader):
    text = reader.get("/").text
    (told,) = re.findall(
        r'href="/alerts"[^>]*>.*?nav__count">(\d+)',
        re.search(r'<nav class="nav".*?</nav>', text, re.DOTALL)[0],
    )
    assert told == "3"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("kv-mine", ["Away", "Both", "Mine"]),
        ("ada@bwf.example", ["Away", "Mine"]),
        ("KV-SECRET", []),
        ("rg-secret", []),
        ("Both", ["Both"]),
        ("print TimeGenerated", ["Away", "Mine"]),
    ],
)
def test_a_text_is_found_in_what_is_told(reader, text, found):
    assert listed(reader, f"&q={text}") == found
    rows = csv.DictReader(io.StringIO(reader.get("/search", params={"q": text, "format": "csv"}).text))
    assert sorted(row["Name"] for row in rows if row["Kind"] == "alert") == found


def test_the_page_of_one_tells_the_part(reader, other):
    answer = reader.get(f"/alerts/{SEVERAL}?workspace=default")
    assert answer.status_code == 200
    assert "kv-mine" in answer.text
    secret = ("kv-secret", "rg-secret", "print Time", "ada", "bwf.example", other)
    assert [word for word in secret if word in answer.text] == []
    assert "Left Out" in answer.text
    whole = reader.get(f"/alerts/{MINE}").text
    assert "print Time" in html.unescape(whole)
    assert 'href="/incidents' not in whole
    assert reader.get(f"/alerts/{MINE}?rows=1").status_code == 200
    assert "Show raw events" not in whole


@pytest.mark.parametrize("id_", [THEIRS, ALERT, "nothing"])
def test_another_is_not_there(reader, id_):
    answer = reader.get(f"/alerts/{id_}")
    assert answer.status_code == 404
    assert "Hidden" not in answer.text
    assert reader.get("/incidents").status_code == 403


def test_the_api_lists_the_same(instance, reader, sandbox, visitor):
    told = {one.document["AlertName"] for one in map(instance.state.alerts.get, (SEVERAL, MINE, AWAY))}
    assert set(listed(reader)) == told
    assert set(listed(reader, f"&scope={sandbox}")) == told


def test_who_may_decide_at_all_that_it_names_does(instance, visitor, sandbox, other):
    admin = visitor(("Security Admin", f"/subscriptions/{sandbox}"))
    form = {"act": "dismiss"}
    assert "Dismiss" in admin.get(f"/alerts/{MINE}").text
    assert 'value="dismiss"' not in admin.get(f"/alerts/{SEVERAL}").text
    assert admin.post(f"/alerts/{SEVERAL}", data=form, headers=HERE).status_code == 403
    assert admin.post("/alerts", data={**form, "alert": [MINE, SEVERAL]}, headers=HERE).status_code == 403
    assert admin.post("/alerts", data={**form, "alert": [MINE, THEIRS]}, headers=HERE).status_code == 404
    assert {instance.state.alerts.get(one).status for one in (MINE, SEVERAL, THEIRS)} == {"New"}
    assert sent(admin, f"/alerts/{MINE}", form).status_code == 303
    assert instance.state.alerts.get(MINE).status == "Dismissed"
    both = visitor(*(("Security Admin", f"/subscriptions/{one}") for one in (sandbox, other)))
    ticked = tick(both.get("/alerts?span=90d").text, "alert", SEVERAL)
    assert both.post("/alerts", data={**form, "alert": [ticked]}, headers=HERE).status_code == 303
    assert instance.state.alerts.get(SEVERAL).status == "Dismissed"
