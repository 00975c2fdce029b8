"""Suppressions on pages: the narrowest and 30 days are preselected, a suppressed rule says so, and one is ended in the list."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from datetime import datetime, timedelta
from html import unescape

import pytest
from tests.web.conftest import HERE, LATELY, alert
from tests.web.sending import etag, sent

from nephoscope.alerts.rules.rule_files import load_shipped_rules
from nephoscope.alerts.scheduling.due_windows import hash_rule
from nephoscope.alerts.suppression.condition import SuppressionCondition
from nephoscope.alerts.tuning.tuning_service import TuningEditor
from nephoscope.state.rules.rule_runs import RuleRun
from nephoscope.state.rules.rule_state import RuleStanding
from nephoscope.web.page_data.suppressed_rule_counts import READ
from nephoscope.web.rendering.suppression_choices import describe

RULE = next(one for one in load_shipped_rules().rules if one.enabled and one.frequency >= timedelta(hours=2))
ALERT = "0f000000-0000-0000-0000-000000000001"
PAGE = f"/alerts/{ALERT}"
FORM = {
    "act": "suppress",
    "about": "together",
    "reason": "FalsePositive",
    "comment": "our <scanner>",
    "days": "30",
}


@pytest.fixture(scope="module", autouse=True)
def raised(instance):
    """An alert of a shipped rule whose last run gave no error."""
    with instance.state.transaction() as session:
        instance.state.alerts.put(session, replace(alert(ALERT, None), rule=RULE.id))
        run = RuleRun("default", RULE.id, LATELY, LATELY, 1, 1, 0.1, "", fault=False)
        instance.state.rule_runs.record(session, [run])
        instance.state.rule_standings.put(session, [RuleStanding("default", RULE.id, hash_rule(RULE))])


@pytest.fixture(autouse=True)
def clean(instance):
    """No suppression before a test."""
    for one in instance.state.suppressions.all("default"):
        TuningEditor(instance.state, "default", "test", instance.now).remove(one.id)


def options(page: str) -> list[tuple[str, str]]:
    (choices,) = re.findall(r'<fieldset class="choice-list">.*?</fieldset>', page, re.DOTALL)
    assert re.findall(r'value="([^"]*)" required( checked)?>', choices)[0][1]
    assert choices.count(" checked>") == 1
    return re.findall(r'value="([^"]*)" required(?: checked)?> ([^<]*)', choices)


def stored(instance):
    (found,) = instance.state.suppressions.all("default")
    return found


def status(owner) -> dict[str, str]:
    """The row of the rule in the file of the list."""
    rows = csv.DictReader(io.StringIO(owner.get("/rules?format=csv").text))
    return next(row for row in rows if row["Id"] == RULE.id)


def row_of(page: str) -> str:
    """The row of the rule on the list."""
    return next(
        one for one in re.findall(r"<tr[^>]*>.*?</tr>", page, re.DOTALL) if f"/rules/{RULE.id}" in one
    )


def test_the_narrowest_and_an_end_are_preselected(instance, owner):
    page = owner.get(PAGE).text
    found = options(page)
    assert found[0] == ("together", "Account is ada@bwf.example and IP address is 192.0.2.7")
    assert found[1:4] == [
        ("entities.account.fullName=ada@bwf.example", "Account is ada@bwf.example"),
        ("entities.account.name=ada", "Account name is ada"),
        ("entities.account.uPNSuffix=bwf.example", "Account UPN suffix is bwf.example"),
    ]
    assert found[-1] == ("rule", "All alerts of this rule")
    assert re.search(r'name="days" value="30"', page)
    form = {name: value for name, value in FORM.items() if name not in ("about", "days")}
    assert sent(owner, PAGE, {**form, "about": found[0][0], "days": "30"}).status_code == 303
    made = stored(instance)
    assert [one["field"] for one in made.conditions] == ["entities.account.fullName", "entities.ip.address"]
    assert timedelta(days=29) < made.expires - instance.now < timedelta(days=31)


@pytest.mark.parametrize(
    "wrong", [{"about": ""}, {"about": "entities.ip.address=10.0.0.1"}, {"days": ""}, {"days": "0"}]
)
def test_nothing_is_suppressed_whole_or_without_end_by_leaving_something_out(instance, owner, wrong):
    told = sent(owner, PAGE, {**FORM, **wrong})
    assert told.status_code == 400
    assert 'value="our &lt;scanner&gt;"' in told.text
    assert instance.state.suppressions.all("default") == []


def test_no_end_and_the_whole_rule_are_chosen(instance, owner):
    assert sent(owner, PAGE, {**FORM, "about": "rule", "days": "", "forever": "1"}).status_code == 303
    made = stored(instance)
    assert (made.conditions, made.expires) == ([], None)
    assert "All alerts of this rule are suppressed</strong> no end date" in owner.get(PAGE).text


def test_a_rule_that_is_suppressed_whole_is_not_ok(owner):
    assert status(owner)["Status"] == "ok"
    assert "state--pass" in row_of(owner.get(f"/rules?q={RULE.name}").text)
    sent(owner, PAGE, {**FORM, "about": "rule"})
    assert (status(owner)["Status"], status(owner)["Suppressed"]) == ("suppressed", "all")
    row = row_of(owner.get("/rules?status=suppressed").text)
    assert "state--pass" not in row
    assert ">Suppressed<" in row
    page = owner.get(f"/rules/{RULE.id}").text
    assert "All alerts of this rule are suppressed</strong> until <time" in page
    assert ">rule suppressed</span>" in owner.get("/alerts?span=90d").text
    assert (
        "1 rule suppressed</strong> in workspace default; the next suppression ends <time"
        in owner.get("/").text
    )


def test_a_rule_that_is_suppressed_in_part_says_so_everywhere(owner):
    sent(owner, PAGE, FORM)
    sent(owner, PAGE, {**FORM, "about": "entities.ip.address=192.0.2.7", "days": "60"})
    assert (status(owner)["Status"], status(owner)["Suppressed"]) == ("ok", "in part")
    assert "partly suppressed" in row_of(owner.get(f"/rules?q={RULE.name}").text)
    for page in (PAGE, f"/rules/{RULE.id}"):
        assert "suppressed:</strong> 2 suppressions, the next ends <time" in owner.get(page).text
    listed = owner.get("/alerts?span=90d").text
    assert ">rule partly suppressed</span>" in listed
    assert "2 suppressions active" in listed
    assert "1 rule partly suppressed in workspace default" in owner.get("/").text


def test_suppressions_are_listed_filtered_and_a_file(instance, owner):
    assert "Suppress similar alerts from the page" in owner.get("/suppressions").text
    sent(owner, PAGE, FORM)
    TuningEditor(instance.state, "default", "ana", instance.now).suppress(
        "every rule", "*", [_address()], comment="<vpn>"
    )
    with instance.state.transaction() as session:
        held = replace(
            alert("0f000000-0000-0000-0000-000000000002", None), rule=RULE.id, held_by=stored_id(instance)
        )
        instance.state.alerts.put(session, held)
    page = owner.get("/suppressions").text
    both = "Account is ada@bwf.example and IP address is 192.0.2.7"
    escaped = ("our &lt;scanner&gt;", "&lt;vpn&gt;")
    for told in (RULE.name, both, *escaped, "All rules", "No end", "Active"):
        assert told in unescape(page) or told in page, told
    rows = list(csv.DictReader(io.StringIO(owner.get("/suppressions?format=csv").text)))
    assert [(row["State"], row["Suppressed"], row["Until"] == "no end date") for row in rows] == [
        ("Active", "1", False),
        ("Active", "0", True),
    ]
    assert "<td" not in owner.get("/suppressions?q=nothing").text.replace('<td colspan="8"', "")
    assert "&lt;vpn&gt;" not in owner.get(f"/suppressions?id={stored_id(instance)}").text
    assert "No suppressions match" in owner.get("/suppressions?state=Ended").text


def _address():
    return SuppressionCondition("entities.ip.address", "in", ("198.51.100.0/24",))


def stored_id(instance) -> str:
    return next(one.id for one in instance.state.suppressions.all("default") if one.rule == RULE.id)


def end(instance, client, page: str = "/suppressions", **more: str):
    one = stored(instance)
    return client.post(page, data={"act": "end", "id": one.id, "etag": one.etag, **more}, headers=HERE)


def test_one_is_ended_and_stays_in_the_list(instance, owner):
    sent(owner, PAGE, {**FORM, "about": "rule"})
    page = owner.get(f"/suppressions?preview={stored(instance).id}").text
    form = {"act": "end", "id": stored(instance).id, "etag": etag(page)}
    before = len(instance.state.audit.entries(most=100))
    assert owner.post("/suppressions", data=form, headers=HERE).status_code == 303
    entries = instance.state.audit.entries(most=100)
    assert (len(entries) - before, entries[0].operation, entries[0].target) == (
        1,
        "Microsoft.Security/alertsSuppressionRules/write",
        f"suppression {stored(instance).name}",
    )
    assert stored(instance).status(instance.now) == "Expired"
    page = owner.get("/suppressions").text
    assert "Ended" in page
    assert 'value="end"' not in page
    assert status(owner)["Status"] == "ok"
    assert "suppressed" not in row_of(owner.get(f"/rules?q={RULE.name}").text)
    assert "Show suppressions" not in owner.get("/").text
    assert end(instance, owner).status_code == 400


def test_ending_takes_the_permission_and_the_state_that_was_looked_at(instance, owner, visitor):
    sent(owner, PAGE, FORM)
    reader = visitor(("Security Reader", "/"))
    assert "Account is ada@bwf.example" in unescape(reader.get("/suppressions").text)
    assert 'value="end"' not in reader.get("/suppressions").text
    assert end(instance, reader).status_code == 403
    assert visitor(("Reader", "/workspaces/other")).get("/suppressions").status_code == 403
    elsewhere = owner.post("/suppressions", data={"act": "end"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert elsewhere.status_code == 403
    old = stored(instance).etag
    TuningEditor(instance.state, "default", "bob", datetime.now(instance.now.tzinfo)).change(
        stored(instance).id, comment="again"
    )
    told = end(instance, owner, etag=old)
    assert told.status_code == 409
    assert "bob" in told.text
    assert stored(instance).status(instance.now) == "Enabled"
    assert end(instance, owner, id="none").status_code == 400


def test_the_permission_is_one_of_the_roles(visitor):
    assert READ.endswith("alertsSuppressionRules/read")
    addresses = re.findall(
        r'<li><a class="nav__link" href="([^"]+)"', visitor(("Security Reader", "/")).get("/rules").text
    )
    assert "/suppressions" in addresses


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (
            {"field": "entities.ip[0].address", "in": ["10.0.0.0/8", "b", "c", "d"]},
            "First IP address is one of 10.0.0.0/8, b, c and 1 more",
        ),
        (
            {"field": "entities.azure-resource.resourceId", "equals": "/subscriptions/0/resourcegroups/g/providers/a/b/x"},
            "Resource is x",
        ),
        ({"field": "entities.process.commandLine", "contains": "/opt/backup"}, "Process command line contains /opt/backup"),
        ({"field": "entities.ip.address", "inWatchlist": "Scanners"}, "IP address is in the watchlist Scanners"),
        ({"field": "details.Requests", "atMost": "40"}, "Requests is at most 40"),
    ],
)  # fmt: skip
def test_conditions_are_said_in_words(document, words):
    assert describe([document]) == words
    assert describe([]) == "All alerts of the rule"
