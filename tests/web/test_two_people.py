"""Two people at one thing: what the first decided is not overwritten by the page that the second still has open."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from tests.web.conftest import HERE, NOON, alert
from tests.web.sending import etag, sent, tick

from nephoscope.alerts.incidents.incident_service import IncidentService
from nephoscope.ingest.live import source_setup
from nephoscope.state.database.etag import parse_etag, to_etag
from nephoscope.state.incidents.incidents import REMARK, Incident, IncidentStatus
from nephoscope.state.ingestion.sources import Source

TRUE, FALSE = "TruePositive/SuspiciousActivity", "FalsePositive/InaccurateData"


@pytest.fixture
def number(instance):
    """An incident that nobody touched."""
    with instance.state.transaction() as session:
        story = Incident("default", "Two look at it", "", "High", NOON, NOON, NOON, NOON)
        return instance.state.incidents.put(session, story).number


@pytest.fixture(scope="module")
def second(visitor):
    return visitor(("Owner", "/"))


def name_of(client) -> str:
    return re.search(
        r"<option value=\"([^\"]+)\"[^>]*>[^<]+ \(you\)", client.get("/incidents?span=90d").text
    )[1]


def notice(page: str) -> str:
    return page.split('role="alert"')[1].split("</section>", maxsplit=1)[0]


def kept(instance, number) -> Incident:
    found = instance.state.incidents.get(number)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "form",
    [
        {"act": "take"},
        {"act": "assign", "owner": ""},
        {"act": "status", "status": "New"},
        {"act": "severity", "severity": "Low"},
        {"act": "close", "classification": FALSE},
    ],
    ids=lambda form: form["act"],
)
def test_an_old_page_changes_nothing(instance, owner, second, number, form):
    address = f"/incidents/{number}"
    old = second.get(address).text
    assert sent(owner, address, {"act": "take"}).status_code == 303
    before = kept(instance, number)
    told = sent(second, address, form, old)
    assert told.status_code == 409
    assert kept(instance, number) == before
    said = notice(told.text)
    assert "Not saved" in said
    assert f"{name_of(owner)}</span> set the owner to {name_of(owner)}, the status to Active" in said
    assert etag(told.text) == before.etag, "one more press is of the state that is shown"


def test_one_more_press_does_it_with_what_was_typed(instance, owner, second, number):
    address, why = f"/incidents/{number}", "the <vendor> said so"
    old = second.get(address).text
    assert (
        sent(owner, address, {"act": "close", "classification": TRUE, "remark": "seen it"}).status_code == 303
    )
    told = sent(second, address, {"act": "close", "classification": FALSE, "remark": why}, old)
    assert told.status_code == 409
    assert "the &lt;vendor&gt; said so</textarea>" in told.text
    assert f'<option value="{FALSE}" selected>' in told.text
    assert kept(instance, number).classification == "TruePositive"
    form = {"act": "close", "classification": FALSE, "remark": why}
    assert sent(second, address, form, told.text).status_code == 303
    assert kept(instance, number).reason == "InaccurateData"
    with instance.state.reading() as session:
        remarks = [one.text for one in instance.state.incidents.notes(session, number) if one.name == REMARK]
    assert remarks == [why]


def test_a_form_that_says_no_state_changes_nothing(instance, owner, number):
    for given in ({}, {"etag": "zz"}, {"etag": "f" * 40}):
        told = owner.post(f"/incidents/{number}", data={"act": "take", **given}, headers=HERE)
        assert told.status_code == 409
    assert kept(instance, number).owner == ""


def test_an_alert_that_came_meanwhile_is_told(instance, owner, number):
    address = f"/incidents/{number}"
    old = owner.get(address).text
    with instance.state.transaction() as session:
        instance.state.alerts.put(session, alert(f"0d000000-0000-0000-0000-{number:012}", number))
    IncidentService(instance.state, "default").change(number, instance.now, "nephoscope", description="grown")
    told = sent(owner, address, {"act": "close", "classification": FALSE}, old)
    assert told.status_code == 409
    assert "Keys &lt;were&gt; read: the alert came, or changed" in notice(told.text)


def test_a_comment_overwrites_nothing_and_is_kept(instance, owner, second, number):
    address = f"/incidents/{number}"
    old = second.get(address).text
    assert sent(owner, address, {"act": "take"}).status_code == 303
    assert sent(second, address, {"act": "comment", "text": "I know her"}, old).status_code == 303
    assert "I know her" in owner.get(address).text


def test_an_incident_is_closed_with_what_it_was_and_why(instance, owner, number):
    address = f"/incidents/{number}"
    refused = sent(owner, address, {"act": "close", "remark": "because"})
    assert refused.status_code == 400
    assert "because</textarea>" in refused.text, "what was typed stays"
    assert (
        sent(owner, address, {"act": "close", "classification": TRUE, "remark": "because"}).status_code == 303
    )
    page = owner.get(address).text
    assert "because" in page
    assert 'value="severity"' not in page
    assert sent(owner, address, {"act": "severity", "severity": "Low"}).status_code == 400
    assert sent(owner, address, {"act": "take"}).status_code == 400, "that would open it without a word"
    assert sent(owner, address, {"act": "status", "status": "New"}).status_code == 303
    found = kept(instance, number)
    assert (found.status, found.classification, found.severity) == (IncidentStatus.NEW, "", "High")
    with instance.state.reading() as session:
        (note,) = instance.state.incidents.notes(session, number)
    assert (note.text, note.name) == ("because", ""), "of the next closing it says nothing"
    assert sent(owner, address, {"act": "severity", "severity": "Low"}).status_code == 303


def test_an_incident_is_given_to_who_may_work_on_it(instance, owner, visitor, number):
    address = f"/incidents/{number}"
    worker = visitor(("Security Admin", "/"))
    gone, reader = visitor(("Owner", "/")), visitor(("Reader", "/"))
    names = {one.name: one.id for one in instance.state.principals.all()}
    *_, worker_name, gone_name, reader_name = sorted(
        names, key=lambda one: instance.state.principals.get(names[one]).created
    )
    with instance.state.transaction() as session:
        instance.state.principals.disable(session, names[gone_name])
    page = owner.get(address).text
    assert worker.get(address).status_code == 200
    assert reader.get(address).status_code == 200
    assert gone.get(address).status_code == 303
    offered = set(re.findall(r'<option value="([^"]*)"', page.split('name="owner"')[1].split("</select>")[0]))
    assert {"", worker_name, name_of(owner)} <= offered
    assert not {gone_name, reader_name} & offered
    assert sent(owner, address, {"act": "assign", "owner": reader_name}).status_code == 400
    assert sent(owner, address, {"act": "assign", "owner": worker_name}).status_code == 303
    assert kept(instance, number).owner == worker_name
    assert sent(owner, address, {"act": "assign", "owner": ""}).status_code == 303
    assert kept(instance, number).owner == ""


@pytest.mark.full
def test_of_many_those_that_changed_are_left_out_and_listed(instance, owner, second):
    with instance.state.transaction() as session:
        story = Incident("default", "One of <many>", "", "Low", NOON, NOON, NOON, NOON)
        first, other, gone = (instance.state.incidents.put(session, story).number for _ in range(3))
        away = instance.state.incidents.put(session, replace(story, workspace="elsewhere"))
    address = "/incidents?span=90d"
    page = second.get(address).text
    ticks = [tick(page, "incident", one) for one in (first, other, gone)] + [f"{away.number} {away.etag}"]
    assert sent(owner, f"/incidents/{other}", {"act": "take"}).status_code == 303
    IncidentService(instance.state, "default").remove(gone, instance.now, "test")
    form = {"act": "close", "classification": FALSE, "remark": "a test", "incident": ticks}
    told = second.post(address, data=form, headers=HERE)
    assert told.status_code == 409
    assert (kept(instance, first).status, kept(instance, other).owner) == (
        IncidentStatus.CLOSED,
        name_of(owner),
    )
    said = notice(told.text)
    assert f"#{other} One of &lt;many&gt;" in said
    assert "set the owner to" in said
    assert f"#{gone}: it no longer exists" in said
    assert f"#{away.number}: it no longer exists" in said
    assert kept(instance, away.number) == away
    assert 'value="a test"' in told.text
    again = tick(told.text, "incident", other)
    assert f'value="{again}" aria-label="One of &lt;many&gt;" checked' in told.text
    assert second.post(address, data={**form, "incident": [again]}, headers=HERE).status_code == 303
    assert kept(instance, other).classification == "FalsePositive"


def test_an_etag_is_the_moment_of_a_change(instance):
    now = instance.now
    assert parse_etag(to_etag(now)) == now
    assert [parse_etag(one) for one in ("", "x", "f" * 15, "f" * 99)] == [None] * 4


ACT = "0e100000-0000-0000-0000-000000000001"


@pytest.fixture
def raised(instance):
    """An alert that nobody touched."""
    with instance.state.transaction() as session:
        instance.state.alerts.put(session, alert(ACT, None))
    return f"/alerts/{ACT}"


def test_an_old_page_of_an_alert_changes_nothing(instance, owner, second, raised):
    old = second.get(raised).text
    assert sent(owner, raised, {"act": "resolve"}).status_code == 303
    told = sent(second, raised, {"act": "dismiss"}, old)
    assert told.status_code == 409
    assert f"{name_of(owner)}</span> set it to Resolved" in notice(told.text)
    assert instance.state.alerts.get(ACT).status == "Resolved"
    assert sent(second, raised, {"act": "dismiss"}, told.text).status_code == 303
    assert instance.state.alerts.get(ACT).status == "Dismissed"


def test_of_many_alerts_those_that_changed_are_left_out_and_listed(instance, owner, second, raised):
    other = "0e100000-0000-0000-0000-000000000002"
    with instance.state.transaction() as session:
        instance.state.alerts.put(session, alert(other, None, "Another <one>"))
    page = second.get("/alerts").text
    ticks = [tick(page, "alert", one) for one in (ACT, other)]
    assert sent(owner, f"/alerts/{other}", {"act": "inProgress"}).status_code == 303
    told = second.post("/alerts", data={"act": "dismiss", "alert": ticks}, headers=HERE)
    assert told.status_code == 409
    assert [instance.state.alerts.get(one).status for one in (ACT, other)] == ["Dismissed", "InProgress"]
    said = notice(told.text)
    assert "Another &lt;one&gt;</a> is InProgress." in said
    assert f"{name_of(owner)}</span> set it to InProgress" in said
    again = tick(told.text, "alert", other)
    assert f'value="{again}" aria-label="Another &lt;one&gt;" checked' in told.text
    assert second.post("/alerts", data={"act": "dismiss", "alert": [again]}, headers=HERE).status_code == 303


@pytest.mark.full
def test_what_somebody_suppressed_meanwhile_is_told(instance, owner, second, raised):
    old = second.get(raised).text
    form = {
        "act": "suppress",
        "about": "entities.ip.address=192.0.2.7",
        "reason": "FalsePositive",
        "comment": "ours",
        "days": "30",
    }
    assert sent(owner, raised, form).status_code == 303
    before = instance.state.suppressions.all("default")
    told = sent(second, raised, {**form, "comment": "my <scanner>", "days": "9"}, old)
    assert told.status_code == 409
    assert "ours" in notice(told.text)
    assert 'value="my &lt;scanner&gt;"' in told.text
    assert 'value="9"' in told.text
    assert instance.state.suppressions.all("default") == before
    assert sent(second, raised, {**form, "comment": "mine too"}, told.text).status_code == 303


@pytest.mark.full
def test_of_many_at_once_one_is_first(instance, owner, number):
    address = f"/incidents/{number}"
    form = {"etag": etag(owner.get(address).text), "act": "close", "classification": TRUE}
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: owner.post(address, data=form, headers=HERE).status_code, range(4)))
    assert sorted(found) == [303, 409, 409, 409]


def test_an_old_page_of_a_source_changes_nothing(instance, owner, second):
    address = "/sources/logs/drop"
    old = second.get(address).text
    settings = instance.state.sources.get("drop").settings
    assert sent(owner, address, {"act": "pause"}).status_code == 303
    form = {"act": "change", "set.paths": f"{settings['paths']}\n/srv/<other>"}
    told = sent(second, address, form, old)
    assert told.status_code == 409
    assert f"{name_of(owner)}</span> paused it" in notice(told.text)
    assert "/srv/&lt;other&gt;</textarea>" in told.text
    assert instance.state.sources.get("drop").settings == settings
    assert sent(second, address, {"act": "remove"}, old).status_code == 409
    assert sent(owner, address, {"act": "go-on"}).status_code == 303
    assert instance.state.sources.get("drop").enabled


def test_a_secret_that_somebody_gave_meanwhile_is_not_overwritten(instance, owner, second):
    settings = {
        "url": "https://taxii.example/api1/",
        "collections": ["one"],
        "sign_in": "basic",
        "user": "svc",
    }
    source_setup.add_source(
        instance.state, Source("shared-feed", "taxii", {}, "default"), settings, {"password": "first"}
    )
    address = "/sources/logs/shared-feed"
    old = second.get(address).text
    assert sent(owner, address, {"act": "change", "secret.password": "hers"}).status_code == 303
    told = sent(second, address, {"act": "change", "secret.password": "his"}, old)
    assert (told.status_code, f"{name_of(owner)}</span> changed it" in notice(told.text)) == (409, True)
    kept = source_setup.get_source_secrets(instance.state, instance.state.sources.get("shared-feed"))
    assert kept == {"password": "hers"}
    assert sent(second, address, {"act": "change", "secret.password": "his"}, told.text).status_code == 303
    source_setup.remove_source(instance.state, "shared-feed")


@pytest.mark.full
def test_an_old_page_of_a_tenant_changes_nothing(instance, owner, second):
    address = "/sources/tenants/fabrikam"
    old = second.get(address).text
    form = {"act": "change", "tenant": "fabrikam.example", "sign_in": "managed-identity"}
    assert sent(owner, address, {**form, "hours": "12"}).status_code == 303
    told = sent(second, address, {**form, "hours": "24"}, old)
    assert told.status_code == 409
    said = notice(told.text)
    assert f"{name_of(owner)}</span> changed it" in said
    assert 'hours is <span class="text-code">12</span> now' in said
    assert 'name="hours" inputmode="decimal" value="24"' in told.text
    assert instance.state.tenants.get("fabrikam").hours == 12
    assert sent(second, address, {"act": "remove"}, old).status_code == 409
    assert sent(second, address, {**form, "hours": "24"}, told.text).status_code == 303
    assert instance.state.tenants.get("fabrikam").hours == 24


@pytest.mark.parametrize(
    ("form", "mended"),
    [
        ({"act": "close"}, {"classification": FALSE}),
        ({"act": "assign", "owner": "nobody I know"}, {"owner": ""}),
    ],
    ids=["close", "assign"],
)
def test_a_page_that_refused_what_was_typed_is_of_the_state_of_before(owner, second, number, form, mended):
    address = f"/incidents/{number}"
    old = second.get(address).text
    assert sent(owner, address, {"act": "take"}).status_code == 303
    refused = sent(second, address, form, old)
    assert refused.status_code == 400
    assert sent(second, address, {**form, **mended}, refused.text).status_code == 409


@pytest.mark.full
def test_a_list_that_refused_what_was_typed_is_of_the_state_of_before(instance, owner, second, number):
    address = "/incidents?span=90d"
    ticked = tick(second.get(address).text, "incident", number)
    assert sent(owner, f"/incidents/{number}", {"act": "take"}).status_code == 303
    form = {"act": "close", "classification": FALSE, "incident": [ticked]}
    refused = second.post(address, data={**form, "classification": ""}, headers=HERE)
    assert refused.status_code == 400
    again = tick(refused.text, "incident", number)
    assert second.post(address, data={**form, "incident": [again]}, headers=HERE).status_code == 409
    assert kept(instance, number).status is IncidentStatus.ACTIVE
