"""`$filter` and `$orderby` of the lists of Security and Sentinel."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nephoscope.api.wire.azure_error import ApiError
from nephoscope.api.wire.odata_filter import compile_filter, read

VERSION = "2023-11-01"
WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/default"
INSIGHTS = f"{WORKSPACE}/providers/Microsoft.SecurityInsights"
ROW = {
    "name": "one",
    "properties": {
        "severity": "High",
        "title": "It's (here), or not",
        "incidentNumber": 12,
        "enabled": True,
        "createdTimeUtc": "2026-11-01T12:00:00+00:00",
        "tactics": ["Impact", "Exfiltration"],
        "owner": {"assignedTo": "ada"},
        "labels": [{"labelName": "vip"}],
    },
}
PICKED = [
    "properties/severity eq 'High'",
    "properties/severity eq 'high' and not (properties/severity ne 'High')",
    "properties.severity in ('Low', 'High')",
    "properties/title eq 'It''s (here), or not'",
    "contains(properties/title, 'here') and startswith(properties/title, 'It''s') and endswith(properties/title, 'NOT')",
    "properties/incidentNumber gt 9 and properties/incidentNumber le 12",
    "properties/enabled eq true",
    "properties/createdTimeUtc ge 2026-11-01T12:00:00Z and properties/createdTimeUtc lt 2026-11-01T13:00:00.5Z",
    "properties/createdTimeUtc eq '2026-11-01T13:00:00+01:00'",
    "properties/createdTimeUtc gt 2026-10-31",
    "properties/tactics/any(t: t eq 'Impact')",
    'properties.tactics/any(i eq "Exfiltration")',
    "properties/labels/any(l: l/labelName eq 'vip' and properties/severity eq 'High')",
    "properties/owner/assignedTo eq 'ada' or name eq 'two'",
    "properties/missing eq null",
    "not (properties/missing gt 1) and not (properties/missing le 'x')",
]
PASSED = [
    "properties/severity eq 'Low'",
    "not (properties/severity eq 'High')",
    "properties/severity in ('Low')",
    "contains(properties/severity, 'x')",
    "contains(properties/incidentNumber, '1')",
    "properties/tactics/any(t: t eq 'Persistence')",
    "properties/severity/any(t: t eq 'High')",
    "properties/createdTimeUtc lt 2026-11-01T12:00:00Z",
    "name eq 'two' or name eq 'one' and properties/incidentNumber eq 1",
]
#: What is wrong -> the character that is told.
WRONG = [
    ("foo bar", 5),
    ("properties/severity eq", 23),
    ("properties/severity eq High", 24),
    ("(name eq 'x'", 13),
    ("name eq 'x')", 12),
    ("name eq 'x", 9),
    ("name in ()", 10),
    ("name in 'x'", 9),
    ("length(name, 'x')", 1),
    ("contains(name 'x')", 15),
    ("name ge 2026-13-01", 9),
    ("name eq 'x' and", 16),
]


@pytest.mark.parametrize("text", PICKED, ids=range(len(PICKED)))
def test_a_filter_picks(text):
    assert compile_filter(text)(ROW)


@pytest.mark.parametrize("text", PASSED, ids=range(len(PASSED)))
def test_a_filter_passes_over(text):
    assert not compile_filter(text)(ROW)


@pytest.mark.parametrize(("text", "at"), WRONG, ids=range(len(WRONG)))
def test_a_wrong_filter_is_told_with_its_place(text, at):
    with pytest.raises(ApiError) as told:
        compile_filter(text)
    assert f"at character {at}:" in told.value.message


@given(st.text(max_size=60) | st.text("()'\" ,:/.eqandornot-019TZ", max_size=60))
def test_any_text_is_a_filter_or_a_fault(text):
    try:
        picks = compile_filter(text)
    except ApiError:
        return
    assert picks(ROW) in (True, False)


_TERMS = st.sampled_from(
    [("properties/a eq 1", "a"), ("contains(properties/b,'x')", "b"), ("c in ('y')", "c")]
)
_TREES = st.recursive(
    _TERMS.map(lambda one: (one[0], lambda row, name=one[1]: row[name])),
    lambda inner: (
        inner.map(lambda one: (f"not ({one[0]})", lambda row: not one[1](row)))
        | st.tuples(inner, inner).map(
            lambda two: (f"({two[0][0]}) AND ({two[1][0]})", lambda row: two[0][1](row) and two[1][1](row))
        )
        | st.tuples(inner, inner).map(
            lambda two: (f"({two[0][0]}) or ({two[1][0]})", lambda row: two[0][1](row) or two[1][1](row))
        )
    ),
    max_leaves=8,
)


@given(_TREES, st.tuples(st.booleans(), st.booleans(), st.booleans()))
def test_what_is_joined_holds_as_logic_says(tree, truths):
    text, meant = tree
    row = dict(zip("abc", truths, strict=True))
    body = {
        "properties": {"a": int(row["a"]), "b": "ax" if row["b"] else "a"},
        "c": "y" if row["c"] else "n",
    }
    assert compile_filter(text)(body) is meant(row)


@given(st.text(max_size=30))
def test_a_text_in_quotes_is_itself(text):
    quoted = text.replace("'", "''")
    assert compile_filter(f"name eq '{quoted}'")({"name": text})


@given(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)), st.datetimes(datetime(1970, 1, 1)))
def test_times_are_compared_as_times(one, other):
    asked = f"t lt {one.isoformat()}Z"
    assert compile_filter(asked)({"t": other.replace(tzinfo=UTC).isoformat()}) is (other < one)


def test_names_are_told_once_with_their_place():
    names = read("a/b eq 1 or (a/b eq 2 and c/any(x: x/y eq 3 and d eq 1))").names
    assert names == {"a/b": 1, "c": 27, "d": 49}


@pytest.fixture(scope="module")
def incidents(server, owner):
    """Severity -> the titles of the incidents that were made."""
    made = {}
    for at, severity in enumerate(["Low", "High", "Medium", "High", "Low", "High", "Informational"]):
        body = {"title": f"number {at}", "severity": severity, "status": "New"}
        path = f"{INSIGHTS}/incidents/{uuid.uuid4()}?api-version={VERSION}"
        assert server.put(path, headers=owner, json={"properties": body}).status_code == 201
        made.setdefault(severity, set()).add(body["title"])
    return made


def listed(server, owner, path, **options):
    """All pages of a list, and how many they were."""
    asked = {"api-version": VERSION, **{f"${name}": one for name, one in options.items()}}
    answer = server.get(path, params=asked, headers=owner)
    found, pages = [], 0
    while True:
        assert answer.status_code == 200, answer.text
        found += answer.json()["value"]
        pages += 1
        link = answer.json().get("nextLink")
        if link is None:
            return found, pages
        answer = server.get(link, headers=owner)


def titles(found):
    return [one["properties"]["title"] for one in found]


def test_incidents_are_picked_in_order_and_paged(server, owner, incidents):
    path = f"{INSIGHTS}/incidents"
    found, _ = listed(server, owner, path, filter="properties/severity eq 'High'")
    assert set(titles(found)) == incidents["High"]
    found, pages = listed(server, owner, path, filter="properties/severity eq 'High'", top="2")
    assert (sorted(titles(found)), pages) == (sorted(incidents["High"]), 2)
    asked = {
        "filter": "properties/severity ne 'High'",
        "orderby": "properties/severity desc,properties/title",
    }
    found, pages = listed(server, owner, path, top="3", **asked)
    wanted = [*sorted(incidents["Medium"]), *sorted(incidents["Low"]), *sorted(incidents["Informational"])]
    assert (titles(found), pages) == (wanted, 2)
    found, _ = listed(server, owner, path, orderby="properties/title desc", top="2")
    assert titles(found) == sorted(set().union(*incidents.values()), reverse=True)
    found, _ = listed(server, owner, path, filter="properties/classification eq 'TruePositive'")
    assert found == []


LISTS = ["incidents", "alertRules", "alertRuleTemplates", "bookmarks", "watchlists", "automationRules"]


@pytest.mark.parametrize("path", LISTS)
def test_lists_of_sentinel_refuse_what_they_do_not_understand(server, owner, incidents, path):
    for options in ({"$filter": "foo bar"}, {"$filter": "severity eq 'High'"}, {"$orderby": "name upwards"}):
        answer = server.get(f"{INSIGHTS}/{path}", params={"api-version": VERSION, **options}, headers=owner)
        assert answer.status_code == 400, answer.text
        assert "at character" in answer.json()["error"]["message"]
        assert answer.json()["error"]["target"] in options


@pytest.mark.parametrize("path", ["incidents", "bookmarks", "alertRules", "alertRuleTemplates"])
def test_a_property_that_there_is_not_is_told(server, owner, incidents, path):
    asked = {"api-version": VERSION, "$filter": "name ne '' and properties/sevrity eq 'High'"}
    answer = server.get(f"{INSIGHTS}/{path}", params=asked, headers=owner)
    assert answer.json()["error"]["code"] == "InvalidFilter"
    assert "'properties/sevrity' at character 16" in answer.json()["error"]["message"]


def test_rules_are_picked(server, owner):
    every, _ = listed(server, owner, f"{INSIGHTS}/alertRuleTemplates")
    found, _ = listed(
        server, owner, f"{INSIGHTS}/alertRuleTemplates", filter="properties/severity eq 'High'", top="7"
    )
    assert found == [one for one in every if one["properties"]["severity"] == "High"]
    assert 0 < len(found) < len(every)


def test_assessments_are_picked_over_the_pages_of_the_whole(server, owner, subscriptions):
    path = f"/subscriptions/{subscriptions['sub-bwf-erp-prod']}/providers/Microsoft.Security/assessments"
    every, _ = listed(server, owner, path)
    wanted = [one for one in every if one["properties"]["status"]["code"] == "Unhealthy"]
    found, pages = listed(server, owner, path, filter="properties/status/code eq 'Unhealthy'", top="50")
    assert json.dumps(found) == json.dumps(wanted)
    assert pages == -(-len(wanted) // 50)
    answer = server.get(path, params={"api-version": VERSION, "$filter": "garbage("}, headers=owner)
    assert answer.status_code == 400


@pytest.mark.parametrize("given_token", ["x", "MTox"])
def test_a_token_of_another_list_is_refused(server, owner, given_token):
    asked = {"api-version": VERSION, "$filter": "name ne ''", "$skipToken": given_token}
    answer = server.get(f"{INSIGHTS}/incidents", params=asked, headers=owner)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "InvalidSkipToken"
