"""The lists of alerts and incidents say subscriptions and people by their names where a title has their ids."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace

import pytest
from tests.web.conftest import LATELY, alert

from nephoscope.model.read_scope import EVERYTHING
from nephoscope.posture.published.accounts import map_application_names
from nephoscope.state.incidents.incidents import Incident
from nephoscope.web.rendering.resolved_names import replace_ids_in_title

USER = "41298ad7-43f1-5cfd-b8b1-a9b09281f856"
UNKNOWN = "99999999-0000-4000-8000-000000000001"
NAME = "adm-mgmt-1@brackwater.example"


@pytest.fixture(scope="module", autouse=True)
def told(instance, sandbox):
    """An alert and an incident whose title has ids."""
    title = f"Role <given> to {USER.upper()} and {UNKNOWN} in /subscriptions/{sandbox}"
    with instance.state.transaction() as session:
        kept = instance.state.incidents.put(
            session, Incident("default", title, "", "High", LATELY, LATELY, LATELY, LATELY)
        )
        made = alert("0b000000-0000-0000-0000-000000000009", kept.number, title)
        entity = f'[{{"$id": "1", "Type": "account", "AadUserId": "{USER}"}}]'
        instance.state.alerts.put(session, replace(made, document={**made.document, "Entities": entity}))
    return title


@pytest.mark.parametrize("page", ["alerts", "incidents"])
def test_ids_that_the_estate_knows_are_names(owner, told, page):
    text = owner.get(f"/{page}").text
    shown = re.search(r'title="([^"]*)"><a href="[^"]*">(Role[^<]*)</a>', text)
    assert shown is not None
    assert shown[1] == told.replace("<given>", "&lt;given&gt;"), "the ids stay in the title attribute"
    assert shown[2] == f"Role &lt;given&gt; to {NAME} and {UNKNOWN} in sub-bwf-sandbox"
    rows = csv.DictReader(io.StringIO(owner.get(f"/{page}?format=csv").text))
    assert told in {row[page[:-1].capitalize()] for row in rows}, "what is kept is not changed"


def test_the_overview_says_them_alike(owner, told):
    text = owner.get("/").text
    assert f">Role &lt;given&gt; to {NAME} and {UNKNOWN} in sub-bwf-sandbox</a>" in text


def test_an_entity_is_told_by_its_name(owner):
    assert (
        f'<td class="data-list__cell data-list__optional" title="{USER}">{NAME}</td>'
        in owner.get("/alerts").text
    )


APPLICATION = "7f000000-0000-4000-8000-00000000000a"
LISTS = ("/alerts", "/incidents", "/")


def put_alert_on_an_application(instance, title, number, **identifiers):
    """An alert and its incident, whose title has the id of an application; the number of the incident."""
    entity = [{"$id": "1", "Type": "cloud-application", **identifiers}]
    with instance.state.transaction() as session:
        incident = instance.state.incidents.put(
            session, Incident("default", title, "", "High", LATELY, LATELY, LATELY, LATELY)
        )
        made = alert(f"0b000000-0000-0000-0000-0000000000{number}", incident.number, title)
        document = {**made.document, "Entities": json.dumps(entity)}
        instance.state.alerts.put(session, replace(made, document=document))
    return incident.number


def test_an_application_is_called_by_its_name_where_the_estate_knows_it(owner, instance):
    known = map_application_names(instance.snapshots.load_newest(), EVERYTHING)
    id_, name = min(known.items())
    assert id_ not in name
    number = put_alert_on_an_application(instance, f"Consent to {id_.upper()} given", 21, AppId=id_)
    for path in (*LISTS, f"/incidents/{number}", "/alerts/0b000000-0000-0000-0000-000000000021"):
        assert f">Consent to {name} given<" in owner.get(path).text, path
    assert f"<h1>{name}</h1>" in owner.get(f"/entities/application/{id_}").text


def test_an_application_is_called_by_the_name_that_the_alert_has(owner, visitor, instance):
    title = f"Secret of {APPLICATION} used"
    number = put_alert_on_an_application(instance, title, 22, AppId=APPLICATION, Name="Payroll")
    put_alert_on_an_application(instance, title.replace("used", "made"), 23, AppId=APPLICATION)
    for path in (*LISTS, f"/incidents/{number}"):
        assert ">Secret of Payroll used<" in owner.get(path).text, path
    assert ">Secret of Payroll made<" not in owner.get("/incidents").text, (
        "rows name the application of their own alert alone"
    )
    assert f">Secret of {APPLICATION} made<" in owner.get("/incidents").text
    assert "<h1>Payroll</h1>" in owner.get(f"/entities/application/{APPLICATION}").text


def test_who_does_not_read_the_directory_sees_the_id(visitor, told, sandbox):
    lesser = visitor(("Reader", "/workspaces/default"))
    text = lesser.get("/alerts").text
    assert NAME not in text
    assert USER in text.lower()
    assert "sub-bwf-sandbox" not in text


ONE = "11111111-0000-4000-8000-000000000001"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"in /subscriptions/{ONE}", "in prod"),
        (f"in /subscriptions/{ONE}, now", "in prod, now"),
        (f"in /subscriptions/{UNKNOWN}", f"in /subscriptions/{UNKNOWN}"),
        (f"in /subscriptions/{ONE}/resourceGroups/rg-a", "in rg-a"),
        (f"on /subscriptions/{ONE}/resourceGroups/rg-a/providers/Microsoft.Web/sites/shop", "on shop"),
        (f"of {ONE} and of it-{ONE}x", f"of prod and of it-{ONE}x"),
        ("plain", "plain"),
    ],
)
def test_titles(text, expected):
    assert replace_ids_in_title(text, {ONE: "prod"}) == expected
