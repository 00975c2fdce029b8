"""A query of estate tables of which a subscription was left out: each face says that rows may be missing, to who could read them."""

from __future__ import annotations

import dataclasses
import uuid

import pytest
from msgspec.structs import replace

from nephoscope.alerts.detection.detector import Detector
from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.rules.window import build_window
from nephoscope.posture.published.excluded_subscriptions import NOTHING
from nephoscope_policy.model.source_location import Place

LOGS, KUSTO = "/v1/workspaces/default/query", "/v{}/rest/query"
QUERY = "Resources | summarize count() by type | take 3"


@pytest.fixture(scope="module")
def left_out(instance, subscriptions):
    """The id of a subscription of which the evaluation says that no resource was read, and the sentence about it."""
    snapshot, name = instance.snapshots.load_newest(), "sub-bwf-erp-prod"
    made = snapshot.build_info
    vars(snapshot)["build_info"] = replace(made, left_out={subscriptions[name]: (NOTHING,)})
    told = f"no resources were collected in the subscription {name} ({subscriptions[name]})"
    yield subscriptions[name], f"Resources is incomplete, {told}"
    vars(snapshot)["build_info"] = made


@pytest.fixture
def readers(token, subscriptions, left_out):
    """Headers of who reads the subscription among others, and of who reads another alone."""
    other = next(id_ for id_ in subscriptions.values() if id_ != left_out[0])
    roles = {"owner": ("Owner", "/"), "other": ("Reader", f"/subscriptions/{other}")}
    return {name: {"Authorization": f"Bearer {token(role)}"} for name, role in roles.items()}


def unlike_any_other():
    """The query in words of its own, so that no answer was kept of it."""
    return f"{QUERY} // {uuid.uuid4()}"


def ask_log_analytics(server, headers):
    told = server.post(LOGS, headers=headers, json={"query": unlike_any_other()}).json()
    assert told["tables"][0]["rows"]
    error = told.get("error")
    assert error is None or error["code"] == "PartialError"
    return [one["message"] for one in error["details"]] if error else []


def ask_kusto_2(server, headers):
    body = {"db": "default", "csl": unlike_any_other()}
    frames = server.post(KUSTO.format(2), headers=headers, json=body).json()
    assert frames[-1]["HasErrors"] is False
    rows = next(one["Rows"] for one in frames if one.get("TableKind") == "QueryCompletionInformation")
    return [text for _, level, word, text in rows if (level, word) == (3, "Warning")]


def ask_kusto_1(server, headers):
    body = {"db": "default", "csl": unlike_any_other()}
    tables = server.post(KUSTO.format(1), headers=headers, json=body).json()["Tables"]
    listed = {row[1]: row[0] for row in tables[-1]["Rows"]}
    return [row[-1] for row in tables[listed["QueryStatus"]]["Rows"]] if "QueryStatus" in listed else []


def ask_resource_graph(server, headers):
    told = server.post(
        "/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01",
        headers=headers,
        json={"query": unlike_any_other()},
    )
    return [told.headers["Warning"].split('"')[1]] if "Warning" in told.headers else []


@pytest.mark.parametrize("ask", [ask_log_analytics, ask_kusto_2, ask_kusto_1, ask_resource_graph])
def test_an_answer_says_what_of_the_estate_was_left_out(server, readers, left_out, ask):
    assert ask(server, readers["owner"]) == [left_out[1]]
    assert ask(server, readers["other"]) == []


def test_a_query_of_logs_alone_is_whole(server, readers, left_out):
    told = server.post(LOGS, headers=readers["owner"], json={"query": "SigninLogs | count"}).json()
    assert "error" not in told


def test_what_was_left_out_is_no_empty_answer(server, token, left_out):
    snapshot_reader = {"Authorization": f"Bearer {token(('Reader', f'/subscriptions/{left_out[0]}'))}"}
    query = f"Resources | where type =~ 'none' // {uuid.uuid4()}"
    told = server.post(LOGS, headers=snapshot_reader, json={"query": query}).json()
    assert told["error"]["details"][0]["message"] == left_out[1]


@pytest.fixture(scope="module")
def rule():
    return AnalyticRule.parse({
        "id": str(uuid.uuid4()), "name": "Resources of a type", "kind": "Scheduled", "severity": "Low", "query": QUERY,
        "queryFrequency": "1h", "queryPeriod": "1h", "triggerOperator": "gt", "triggerThreshold": 1000,
    }, Place("rule"))  # fmt: skip


def test_a_rule_says_what_it_could_not_see(instance, left_out, rule):
    now = instance.now
    window = build_window(rule, now)
    with instance.lake.reading() as reading:
        kept = Detector(instance.lake, "default", reading=reading).run(rule, window, now)
    alone = Detector(instance.lake, "default").run(rule, window, now)
    assert kept.gaps == alone.gaps == (left_out[1],)
    assert (kept.error, kept.alerts) == ("", ())


def test_a_rule_over_logs_lacks_nothing(instance, left_out, rule):
    now = instance.now
    logs = dataclasses.replace(rule, query="SigninLogs | take 1")
    with instance.lake.reading() as reading:
        detector = Detector(instance.lake, "default", reading=reading)
        assert detector.run(rule, build_window(rule, now), now).gaps
        assert detector.run(logs, build_window(logs, now), now).gaps == ()
