"""Exemptions on the page of a recommendation: put once, of what is there, changed and ended, with the assessment that follows."""

from __future__ import annotations

import csv
import io
import re
from html import unescape

import pytest
from tests.web.conftest import HERE

from nephoscope.model.read_scope import EVERYTHING
from nephoscope.posture.published.findings import FindingQuery
from nephoscope.service.arm_documents import put_document, remove_document
from nephoscope.service.local_user import LocalUser
from nephoscope.service.service_context import ServiceContext

TYPE = "microsoft.authorization/policyexemptions"


def acting(instance):
    return ServiceContext(LocalUser("ada"), instance.state, instance.data)


FAILING = frozenset({"NonCompliant"})


@pytest.fixture
def finding(instance):
    """A failing resource, of which no exemption is left when the test is over."""
    wanted = FindingQuery(states=FAILING, text="/storageaccounts/")
    yield instance.snapshots.load_newest().findings.page(EVERYTHING, wanted, order="resource", most=1)[0]
    for one in kept(instance):
        remove_document(acting(instance), "/", one.key, TYPE)


def kept(instance):
    return instance.state.arm_documents.all([TYPE])


def asked(finding, **more):
    return {"act": "exempt", "scope": finding.resource, "category": "Waiver", "reason": "agreed", **more}


def post(client, finding, form, page=None):
    """What comes of a form; one that changes or ends says of which state it was drawn, where the page has it."""
    address = f"/recommendations/{finding.recommendation}"
    id_ = re.escape(form.get("exemption", "-"))
    drawn = client.get(address).text if page is None else page
    etags = re.findall(
        rf'(?i)name="exemption" value="{id_}"><input type="hidden" name="etag" value="([^"]+)"', drawn
    )
    return client.post(address, data={**form, **({"etag": etags[0]} if etags else {})}, headers=HERE)


@pytest.mark.parametrize(
    "odd",
    [
        {"act": "zzz"},
        {"act": ""},
        {"scope": "/subscriptions/none"},
        {"scope": "/subscriptions/none/resourcegroups/x/providers/microsoft.storage/storageaccounts/y"},
        {"category": "Other"},
        {"days": "0"},
    ],
)
def test_an_odd_form_keeps_nothing(instance, owner, finding, odd):
    assert post(owner, finding, asked(finding, **odd)).status_code == 400
    assert kept(instance) == []


def test_what_another_recommendation_knows_is_no_scope_of_this_one(instance, owner, finding):
    wanted = FindingQuery(recommendations=frozenset({finding.recommendation}))
    findings = instance.snapshots.load_newest().findings
    known = {one.resource for one in findings.page(EVERYTHING, wanted, most=100_000)}
    other = next(one.resource for one in findings.page(EVERYTHING, most=100_000) if one.resource not in known)
    assert post(owner, finding, asked(finding, scope=other)).status_code == 400


def test_a_recommendation_that_is_not_there(owner, finding):
    assert owner.post("/recommendations/none", data=asked(finding), headers=HERE).status_code == 404


def test_it_is_kept_once(instance, owner, finding):
    assert post(owner, finding, asked(finding)).status_code == 303
    again = post(owner, finding, asked(finding, reason="once more"))
    assert again.status_code == 400
    assert "already exempt" in again.text
    assert len(kept(instance)) == 1


def test_it_is_changed_and_ended(instance, owner, visitor, finding):
    post(owner, finding, asked(finding, days="30"))
    (one,) = kept(instance)
    change = {
        "act": "change",
        "exemption": one.body["id"],
        "category": "Mitigated",
        "reason": "a proxy <does> it",
    }
    assert post(owner, finding, {**change, "exemption": "/x"}).status_code == 404
    assert post(owner, finding, {**change, "category": ""}).status_code == 400
    changed = post(owner, finding, change)
    assert (changed.status_code, "changed=1" in changed.headers["location"]) == (303, True)
    (now,) = kept(instance)
    told = now.body["properties"]
    assert (now.key, told["exemptionCategory"], told["description"]) == (
        one.key,
        "Mitigated",
        "a proxy <does> it",
    )
    assert "expiresOn" not in told
    assert told["metadata"]["nephoscope"]["recommendations"] == [finding.recommendation]
    ended = post(owner, finding, {"act": "end", "exemption": one.key})
    assert (ended.status_code, "ended=1" in ended.headers["location"]) == (303, True)
    assert kept(instance) == []


def test_an_old_page_changes_and_ends_nothing(instance, owner, visitor, finding):
    post(owner, finding, asked(finding))
    (one,) = kept(instance)
    second = visitor(("Owner", "/"))
    old = second.get(f"/recommendations/{finding.recommendation}").text
    change = {"act": "change", "exemption": one.body["id"], "category": "Mitigated", "reason": "a proxy"}
    assert post(owner, finding, change).status_code == 303
    (now,) = kept(instance)
    mine = {**change, "category": "Waiver", "reason": "my <own>"}
    for form in (mine, {"act": "end", "exemption": one.body["id"]}):
        assert post(second, finding, form, old).status_code == 409
    assert kept(instance) == [now]
    told = post(second, finding, mine, old).text
    said = told.split('role="alert"')[1].split("</section>")[0]
    assert "</span> changed it" in said
    assert 'reason is <span class="text-code">a proxy</span> now' in said
    assert 'value="my &lt;own&gt;"' in told
    assert post(second, finding, mine, told).status_code == 303
    assert post(owner, finding, {"act": "end", "exemption": one.body["id"]}).status_code == 303
    gone = post(second, finding, mine, told)
    assert gone.status_code == 409
    assert "</span> deleted it" in gone.text
    assert 'value="my &lt;own&gt;"' in gone.text, "what was typed can be sent as a new one"
    assert kept(instance) == []


def test_the_page_shows_it_and_what_is_under_way(owner, visitor, instance, finding):
    answer = post(owner, finding, asked(finding, reason="until <May>"))
    text = owner.get(answer.headers["location"]).text
    assert "1 exemption kept" in text
    assert 'id="progress"' in text, "the assessment that judges by it is shown"
    assert "exempt after the next assessment" in text
    assert "until &lt;May&gt;" in text
    assert f'name="selected" value="{finding.resource}"' not in text, (
        "it is not offered to be exempted once more"
    )
    assert 'value="end"' in text
    address = f"/recommendations/{finding.recommendation}"
    reader = visitor(("Reader", "/")).get(address).text
    assert "until &lt;May&gt;" in reader
    assert 'value="end"' not in reader
    rows = list(csv.DictReader(io.StringIO(owner.get(f"{address}?format=csv&table=exemptions").text)))
    assert [(one["Resource"], one["Category"], one["Reason"]) for one in rows] == [
        (finding.resource, "Waiver", "until <May>")
    ]


def test_who_sees_one_subscription_sees_its_exemptions_only(owner, visitor, instance, finding):
    post(owner, finding, asked(finding))
    own = finding.resource.split("/")[2]
    other = next(one for one in instance.snapshots.load_newest().build_info.subscriptions if one != own)
    address = f"/recommendations/{finding.recommendation}"
    assert "Exemptions" in visitor(("Reader", f"/subscriptions/{own}")).get(address).text
    elsewhere = visitor(("Reader", f"/subscriptions/{other}")).get(address)
    assert "<h2>Exemptions</h2>" not in elsewhere.text


def test_what_could_not_be_judged_is_found_with_its_cause(instance, owner):
    findings = instance.snapshots.load_newest().findings
    whole = {one.recommendation: one for one in findings.tallies(EVERYTHING)}
    rows = list(csv.DictReader(io.StringIO(owner.get("/recommendations?open=1&format=csv").text)))
    told = {row["Id"]: int(row["Not assessed"]) for row in rows}
    unknown = {
        key: count
        for key, one in whole.items()
        if (
            count := sum(
                number for state, number in one.counts.items() if state.value in ("Unknown", "Error")
            )
        )
    }
    assert told == unknown
    assert sum(told.values()) > 10
    assert all(row["Reason"] for row in rows)
    page = owner.get("/recommendations?open=1").text
    why = rows[0]["Reason"]
    assert why in unescape(page)
    link = re.search(r'href="(/recommendations/[^"]+state=Unknown[^"]+)"', page)[1].replace("&amp;", "&")
    one = owner.get(link).text
    assert "Not assessed</span>" in one
    assert why in unescape(one)
    assert "/recommendations?open=1" in owner.get("/").text


def test_a_subscription_is_called_by_its_name(instance, owner):
    wanted = FindingQuery(states=FAILING, text="MFA should be enabled for subscription owners")
    one = instance.snapshots.load_newest().findings.page(EVERYTHING, wanted, most=1)[0]
    name = instance.snapshots.load_newest().build_info.subscriptions[one.resource.rsplit("/", 1)[-1]]
    assert f">{name}</a> <small>Subscription" in owner.get(f"/recommendations/{one.recommendation}").text


@pytest.mark.full
@pytest.mark.parametrize("members", [False, True])
def test_one_from_an_assignment_is_shown_and_ended_on_the_pages_of_what_it_reaches(
    instance, owner, visitor, finding, members
):
    several = instance.load_governing()._program.requirements
    one = next(each for each in several if each.key == finding.recommendation)
    known = {tally.recommendation for tally in instance.snapshots.load_newest().findings.tallies(EVERYTHING)}
    other = next(
        each.key
        for each in several
        if each.key in known - {one.key} and each.assignment.id == one.assignment.id
    )
    id_ = f"{finding.resource}/providers/{TYPE}/all"
    about = {"policyDefinitionReferenceIds": [one.reference]} if members else {}
    properties = {
        "policyAssignmentId": one.assignment.id,
        "exemptionCategory": "Waiver",
        "description": "moves away",
        **about,
    }
    put_document(
        acting(instance), "/", {"id": id_, "name": "all", "type": TYPE, "properties": properties}, TYPE
    )
    text = owner.get(f"/recommendations/{finding.recommendation}").text
    told = "1 member of the assignment" if members else "the whole assignment"
    assert "moves away" in text
    assert told in text
    assert 'value="end"' in text
    assert ("moves away" in owner.get(f"/recommendations/{other}").text) is not members
    assert told in owner.get(f"/recommendations/{finding.recommendation}?format=csv&table=exemptions").text
    change = {"act": "change", "exemption": id_, "category": "Mitigated", "reason": "gone"}
    assert post(owner, finding, change).status_code == 303
    (now,) = kept(instance)
    assert now.body["properties"]["policyAssignmentId"] == one.assignment.id
    assert "nephoscope" not in now.body["properties"].get("metadata", {})
    end = {"act": "end", "exemption": id_}
    assert post(owner, finding, end).status_code == 303
    assert kept(instance) == []
