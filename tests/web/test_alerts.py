"""Alerts: found by filters, shown with their rows, decided one by one and many at once, suppressed; incidents many at once."""

from __future__ import annotations

import csv
import html
import io
import re

import pytest
from tests.web.conftest import ALERT, HERE, LATELY, NOON, alert
from tests.web.sending import sent, tick

from nephoscope.service.alerts import ACTIONS
from nephoscope.state.access.principals import PrincipalKind
from nephoscope.state.incidents.incidents import Incident

LIST = "/alerts?span=90d"


def test_alerts_are_found_and_told(owner):
    assert "Keys &lt;were&gt; read" in owner.get(LIST).text
    assert "No alerts match" in owner.get(f"{LIST}&q=nothing like it").text
    assert "No alerts match" in owner.get(f"{LIST}&severity=Low").text
    assert "Keys &lt;were&gt; read" in owner.get(f"{LIST}&q=192.0.2.7").text
    rows = list(csv.DictReader(io.StringIO(owner.get(f"{LIST}&format=csv").text)))
    assert [(row["Alert"], row["Entities"]) for row in rows] == [
        ("Keys <were> read", "ada@bwf.example, 192.0.2.7")
    ]


def test_an_alert_is_shown_with_the_rows_behind_it(owner, visitor):
    text = owner.get(f"/alerts/{ALERT}").text
    assert "Credential Access" in text
    assert "Open in logs" in text
    description = text.split("<h2>Description</h2>")[1].split("</section>")[0]
    assert "/subscriptions/" not in description, "resources are called by their names"
    assert "Remediation" in description
    assert "Lookup period" in text
    assert "Query Period" not in text
    assert "&lt;key&gt;" in owner.get(f"/alerts/{ALERT}?rows=1").text.split("</pre>")[1]
    assert owner.get("/alerts/none").status_code == 404
    assert visitor(("Reader", "/workspaces/other")).get("/alerts").status_code == 403


@pytest.mark.parametrize("page", [f"/alerts/{ALERT}?span=1h", "/incidents/1?span=1h"])
def test_the_query_of_an_alert_is_opened_as_it_was_run(owner, page):
    (link,) = {html.unescape(one) for one in re.findall(r'href="(/logs\?query=[^"]+)"', owner.get(page).text)}
    assert "span=" not in link, "rows from before the chosen time would be missing"
    shown = owner.get(f"{link}&format=csv").text
    assert f"{LATELY:%Y-%m-%dT%H:%M:%S}" in shown, "now() is when it was run"


def test_the_incident_draws_who_is_in_which_alert(owner):
    text = owner.get("/incidents/1").text
    assert text.count('class="chart-links__edge"') == 2
    assert "1 alert and the 2 entities in them" in text


def test_the_state_of_alerts_is_said(instance, owner, visitor):
    reader = visitor(("Security Reader", "/"))
    address = f"/alerts/{ALERT}"
    assert reader.post(address, data={"act": "dismiss"}, headers=HERE).status_code == 403
    assert "Dismiss" not in reader.get(address).text
    assert sent(owner, address, {"act": "dismiss"}).status_code == 303
    assert instance.state.alerts.get(ALERT).status == "Dismissed"
    assert owner.post(address, data={"act": "delete"}, headers=HERE).status_code == 400
    with instance.state.transaction() as session:
        ids = [f"0b000000-0000-0000-0000-00000000000{at}" for at in range(3)]
        for id_ in ids:
            instance.state.alerts.put(session, alert(id_, None))
    assert owner.post("/alerts", data={"act": "resolve"}, headers=HERE).status_code == 400
    page = owner.get("/alerts?span=90d").text
    ticks = [tick(page, "alert", one) for one in ids[:2]]
    assert owner.post("/alerts", data={"act": "resolve", "alert": ticks}, headers=HERE).status_code == 303
    assert [instance.state.alerts.get(one).status for one in ids] == ["Resolved", "Resolved", "New"]
    changed = [
        one.target for one in instance.state.audit.entries(most=3) if one.operation.endswith("resolve/action")
    ]
    assert changed == [ids[1], ids[0]]
    assert sent(owner, address, {"act": "activate"}).status_code == 303


@pytest.mark.parametrize(
    "wrong", [{"about": "entities.ip.address=10.0.0.1"}, {"comment": " "}, {"days": "-1"}, {"reason": "x"}]
)
def test_a_suppression_that_says_too_little_is_refused(owner, wrong):
    form = {
        "act": "suppress",
        "about": "entities.ip.address=192.0.2.7",
        "reason": "FalsePositive",
        "comment": "our scanner",
        **wrong,
    }
    assert owner.post(f"/alerts/{ALERT}", data=form, headers=HERE).status_code == 400


def test_what_is_like_an_alert_is_suppressed(instance, owner, visitor):
    form = {
        "act": "suppress",
        "about": "entities.ip.address=192.0.2.7",
        "reason": "FalsePositive",
        "comment": "our <scanner>",
        "days": "30",
    }
    assert visitor(("Reader", "/")).post(f"/alerts/{ALERT}", data=form, headers=HERE).status_code == 403
    assert sent(owner, f"/alerts/{ALERT}", form).status_code == 303
    (kept,) = instance.state.suppressions.all("default")
    assert (kept.rule, kept.conditions[0]["field"], kept.comment) == (
        "a-rule",
        "entities.ip.address",
        "our <scanner>",
    )
    assert "our &lt;scanner&gt;" in owner.get(f"/alerts/{ALERT}").text


def test_incidents_are_decided_many_at_once(instance, owner, visitor):
    with instance.state.transaction() as session:
        grace = instance.state.principals.add(session, PrincipalKind.PERSON, "grace")
        instance.state.principals.grant(session, grace.id, "Security Admin", "/workspaces/default", "test")
        again = Incident("default", "One", "", "Low", NOON, NOON, NOON, NOON)
        made = [instance.state.incidents.put(session, again).number for _ in "ab"]
    page = owner.get("/incidents").text
    form = {"act": "assign", "owner": "grace", "incident": [tick(page, "incident", one) for one in made]}
    assert visitor(("Reader", "/")).post("/incidents", data=form, headers=HERE).status_code == 403
    assert owner.post("/incidents", data=form, headers=HERE).status_code == 303
    assert {instance.state.incidents.get(one).owner for one in made} == {"grace"}
    assert owner.post("/incidents", data={"act": "assign", "owner": "x"}, headers=HERE).status_code == 400
    assert owner.post("/incidents", data={**form, "owner": "x"}, headers=HERE).status_code == 400
    assert owner.post("/incidents", data={**form, "act": "comment"}, headers=HERE).status_code == 400


def test_an_alert_is_not_offered_the_state_that_it_has(owner):
    text = owner.get(f"/alerts/{ALERT}").text
    (form,) = (part.partition("</form>")[0] for part in text.split("<h2>Status</h2>")[1:])
    status = re.search(r'<span class="state state--\w+">(\w+)</span></p></div>', text)[1]
    offered = set(re.findall(r'name="act" value="(\w+)"', form))
    assert offered == {act for act, leads in ACTIONS.items() if leads != status}
