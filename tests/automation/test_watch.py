"""What is published is told to automations: each change once, to whom it concerns, by every way out."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from nephoscope.automation.assessment_mail import write_mail
from nephoscope.automation.engine import AutomationEngine
from nephoscope.automation.publication_watch import PublicationWatch
from nephoscope.automation.rule_catalog import load_automations
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.state.automation.automation_runs import RuleLanguage

pytestmark = pytest.mark.system

FILES = {"actionType": "Files", "name": "out"}
HOME = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/rg/providers/Microsoft.Security/automations"


@pytest.fixture
def watch(tmp_path, state):
    return PublicationWatch(tmp_path / "data", state, PublishedSnapshotCache(tmp_path / "data"))


@pytest.fixture
def respond(tmp_path, lake, state):
    """Do what is due, allowed by an operator's file; the runs."""
    (tmp_path / "data" / "responses").mkdir(parents=True, exist_ok=True)

    def responding(now=None, **operator):
        known = {"files": {"out": {"folder": str(tmp_path / "out"), "megabytes": 1, "keep": 2}}, **operator}
        (tmp_path / "data" / "responses" / "operator.yaml").write_text(yaml.safe_dump(known))
        return list(
            AutomationEngine(
                lake, state, "default", load_automations(state, PublishedSnapshotCache(lake.data))[0]
            ).tick(now)
        )

    return responding


def lines(folder):
    return [
        json.loads(line) for path in sorted(folder.glob("*.ndjson")) for line in path.read_text().splitlines()
    ]


def test_only_what_changed_is_told_and_once(tmp_path, publish, automate, watch, respond, documents):
    assessment, score, control = documents
    automate(["Assessments", "SecureScores", "RegulatoryComplianceAssessment"], [FILES])
    publish(assessment("a"), assessment("b", "Healthy"), score(10), control("Passed"))
    assert watch.plan_runs() == 0  # how it stood when it was looked at first
    publish(assessment("a"), assessment("b", "Unhealthy"), assessment("c"), score(11), control("Failed"))
    assert watch.plan_runs() == 3
    assert watch.plan_runs() == 0
    assert {one.status.value for one in respond()} == {"done"}
    kinds = sorted(one["type"].partition(".")[0] for one in lines(tmp_path / "out"))
    assert kinds == ["assessments", "assessments", "regulatorycomplianceassessment", "securescores"]
    assert len({one["id"] for one in lines(tmp_path / "out")}) == 4
    publish(assessment("a"), assessment("b", "Unhealthy"), assessment("c"), score(11), control("Failed"))
    assert watch.plan_runs() == 0


def test_a_change_of_severity_is_one(publish, automate, watch, documents):
    assessment = documents[0]
    automate(["Assessments"], [FILES])
    publish(assessment("a", severity="Low"))
    watch.plan_runs()
    publish(assessment("a", severity="High"))
    assert watch.plan_runs() == 1


@pytest.mark.parametrize(
    ("rules", "count"),
    [
        ([("properties.status.code", "Equals", "unhealthy")], 2),
        ([("properties.metadata.severity", "NotEquals", "High")], 1),
        ([("properties.metadata.categories", "Contains", "dat")], 3),
        ([("properties.metadata.categories[0]", "Equals", "Data")], 0),
        ([("id", "EndsWith", "/k1"), ("id", "Contains", "machines/a")], 1),
        ([("properties.nowhere", "Equals", "x")], 0),
        ([("properties.nowhere", "NotEquals", "x")], 3),
    ],
)
def test_all_rules_of_a_set_must_hold(publish, automate, watch, respond, tmp_path, documents, rules, count):
    assessment = documents[0]
    several = [
        {"propertyJPath": path, "operator": operator, "expectedValue": value}
        for path, operator, value in rules
    ]
    automate([{"eventSource": "Assessments", "ruleSets": [{"rules": several}]}], [FILES])
    publish(assessment("z", "Healthy"))
    watch.plan_runs()
    publish(assessment("a"), assessment("b", severity="Low"), assessment("c", "Healthy"))
    watch.plan_runs()
    respond()
    assert len(lines(tmp_path / "out")) == count


def test_numbers_are_compared_as_numbers(publish, automate, watch, documents):
    _, score, _ = documents
    rule = {
        "propertyJPath": "properties.score.current",
        "operator": "LesserThan",
        "expectedValue": "9",
        "propertyType": "Number",
    }
    automate([{"eventSource": "SecureScores", "ruleSets": [{"rules": [rule]}]}], [FILES])
    publish(score(20))
    watch.plan_runs()
    publish(score(10))
    assert watch.plan_runs() == 0
    publish(score(8.5))
    assert watch.plan_runs() == 1


def test_scopes_and_the_own_subscription_bound_what_is_told(
    publish, automate, watch, respond, tmp_path, documents
):
    assessment = documents[0]
    other = "/subscriptions/22222222-2222-4222-8222-222222222222"
    automate(["Assessments"], [FILES], name="elsewhere", home=HOME, scopes=[other])
    automate(["Assessments"], [FILES], name="own", home=HOME)
    automate(["Assessments"], [FILES], name="off", enabled=False)
    publish(assessment("z"))
    watch.plan_runs()
    publish(assessment("z"), assessment("a"), assessment("b", home=other))
    watch.plan_runs()
    respond()
    assert [
        (one["rule"].rpartition("/")[2], one["data"]["id"].split("/")[8]) for one in lines(tmp_path / "out")
    ] == [("own", "a")]


@pytest.mark.full
def test_a_snapshot_tells_everything_once_a_week(publish, automate, watch, respond, tmp_path, documents):
    assessment = documents[0]
    automate(["AssessmentsSnapshot"], [FILES])
    publish(*(assessment(f"m{number}") for number in range(3)))
    now = datetime.now(UTC)
    assert watch.plan_runs(now) == 1
    assert watch.plan_runs(now + timedelta(days=6)) == 0
    assert watch.plan_runs(now + timedelta(days=8)) == 1
    respond()
    assert len(lines(tmp_path / "out")) >= 3


def test_a_killed_look_is_made_again(publish, automate, watch, state, monkeypatch, documents):
    assessment = documents[0]
    automate(["Assessments"], [FILES])
    publish(assessment("a", "Healthy"))
    watch.plan_runs()
    publish(assessment("a"))
    with monkeypatch.context() as cut:
        cut.setattr(state.automation_runs, "plan", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            watch.plan_runs()
    assert watch.plan_runs() == 1
    assert watch.plan_runs() == 0


def test_rows_of_tables_come_once(lake, state, publish, automate, watch, respond, documents):
    from nephoscope.lake.writing.outbox import deliver_outbox

    assessment, score, control = documents
    state.workspaces.add("export")
    told = ["Assessments", "SecureScores", "RegulatoryComplianceAssessment"]
    automate(told, [{"actionType": "Workspace", "workspaceResourceId": "/x/export"}])
    publish(assessment("z", "Healthy"))
    watch.plan_runs()
    publish(assessment("a"), score(5), control("Failed"))
    watch.plan_runs()
    assert {one.status.value for one in respond()} == {"done"}
    deliver_outbox(lake, state)
    lake.flush()
    for table, column, value in (
        ("SecurityRecommendation", "RecommendationState", "Unhealthy"),
        ("SecureScores", "CurrentScore", 5.0),
        ("SecurityRegulatoryCompliance", "State", "Failed"),
    ):
        assert lake.rows(f"{table} | project {column}", workspace="export").column(0).to_pylist() == [value]


def test_a_webhook_gets_batches_and_what_fails_is_kept(
    lake, state, publish, automate, watch, respond, receiver, documents
):
    assessment = documents[0]
    state.credentials.put("response.team", "secret")
    automate(["Assessments"], [{"actionType": "Webhook", "url": receiver.url, "secret": "team", "batch": 2}])
    publish(assessment("z", "Healthy"))
    watch.plan_runs()
    publish(*(assessment(f"m{number}") for number in range(3)))
    watch.plan_runs()
    allowed = {"webhook": {"private": ["127.0.0.0/8", "::1/128"], "ca": receiver.ca}}
    receiver.answers[:] = [400]
    ended = respond(**allowed)
    assert sorted(one.status.value for one in ended) == ["dead", "done"]
    bodies = [json.loads(body)["data"]["records"] for _, body in receiver.got]
    assert [len(one) for one in bodies] == [2, 1]
    dead = next(
        one
        for one in state.automation_runs.list_runs_in_language(RuleLanguage.AUTOMATION)
        if one.status.value == "dead"
    )
    AutomationEngine(lake, state, "default", []).retry(dead.id, "test", datetime.now(UTC))
    assert [one.id for one in respond(**allowed)] == [dead.id]
    assert receiver.ids().count(dead.id) == 2


@pytest.mark.full
def test_one_message_tells_of_all_that_one_look_found(publish, automate, watch, state, documents):
    assessment, score, _ = documents
    automate(["Assessments", "SecureScores"], [{"actionType": "Mail", "to": ["a@contoso.com"]}])
    machines = [f"m{number:03}" for number in range(60)]
    publish(*(assessment(one) for one in machines), score(44.9))
    watch.plan_runs()
    publish(
        *(assessment(one, "Healthy") for one in machines[1:]), assessment("m000", severity="Low"), score(43.1)
    )
    assert watch.plan_runs() == 1
    (run,) = state.automation_runs.list_runs_in_language(RuleLanguage.AUTOMATION)
    assert (run.kind, run.document["count"], len(run.document["records"])) == ("several.changed", 61, 50)
    subject, text = write_mail(run, "https://host")
    assert subject == "[Low] 1 of 61 changes are findings: a"
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[:3] == [
        "1 of 61 changes are findings. The first 50:",
        "",
        "Unhealthy, Low (was Unhealthy, High) Not met: Disks are encrypted (m000)",
    ]
    assert (
        "43.1 of 55 points (was 44.9 of 55 points) ASC score (11111111-1111-4111-8111-111111111111)" in lines
    )
    assert "Healthy (was Unhealthy, High) Disks are encrypted (m001)" in lines
    assert text.endswith("https://host/recommendations\n")


@pytest.mark.parametrize(
    ("before", "after", "subject", "said"),
    [
        pytest.param(
            None, {"code": "Unhealthy"}, "[High] Not met: Disks are encrypted (vm)",
            ["State: Unhealthy, High (new)", "About: They are not.", "Page: https://host/resource/subscriptions/1"],
            id="a-new-finding",
        ),
        pytest.param(
            {"code": "Unhealthy"}, {"code": "Healthy"}, "Healthy: Disks are encrypted (vm)",
            ["State: Healthy (was Unhealthy, High)", "Resource: vm\n  /subscriptions/1"], id="mended",
        ),
    ],
)  # fmt: skip
def test_a_message_says_what_became_of_it(
    publish, automate, watch, state, documents, before, after, subject, said
):
    assessment = documents[0]
    automate(["Assessments"], [{"actionType": "Mail", "to": ["a@contoso.com"]}])
    publish(assessment("other"), *([assessment("vm", **before)] if before else []))
    watch.plan_runs()
    publish(assessment("other"), assessment("vm", **after))
    watch.plan_runs()
    (run,) = state.automation_runs.list_runs_in_language(RuleLanguage.AUTOMATION)
    title, text = write_mail(run, "https://host")
    assert title == subject
    assert [one for one in said if one not in text] == []


def test_a_logic_app_is_told_by_its_address(state, publish, automate, watch, respond, receiver, documents):
    from nephoscope.automation.rule_formats.security_actions import build_credential_name

    assessment = documents[0]
    made = automate(["Assessments"], [{"actionType": "LogicApp", "logicAppResourceId": "/x"}])
    state.credentials.put(build_credential_name(made.key, 0, "uri"), receiver.url)
    publish(assessment("z", "Healthy"))
    watch.plan_runs()
    publish(assessment("a"))
    watch.plan_runs()
    (ended,) = respond(webhook={"private": ["127.0.0.0/8", "::1/128"], "ca": receiver.ca})
    assert ended.status.value == "done"
    assert receiver.url not in json.dumps(ended.settings)


def test_a_command_gets_each(tmp_path, publish, automate, watch, respond, documents):
    assessment = documents[0]
    automate(["Assessments"], [{"actionType": "Command", "name": "keep"}])
    publish(assessment("z", "Healthy"))
    watch.plan_runs()
    publish(assessment("a"), assessment("b"))
    watch.plan_runs()
    kept = tmp_path / "kept"
    script = f"import sys; open({str(kept)!r}, 'a').write(sys.stdin.read() + '\\n')"
    respond(commands={"keep": {"run": [sys.executable, "-c", script]}})
    assert {json.loads(line)["data"]["type"] for line in kept.read_text().splitlines()} == {
        "Microsoft.Security/assessments"
    }
    assert len(kept.read_text().splitlines()) == 2


def test_files_turn_over_and_a_torn_line_goes(tmp_path, publish, automate, watch, respond, documents):
    assessment = documents[0]
    automate(["Assessments"], [FILES])
    publish(assessment("z", "Healthy"))
    watch.plan_runs()
    publish(assessment("a"))
    watch.plan_runs()
    respond()
    (file,) = (tmp_path / "out").glob("*.ndjson")
    with file.open("a") as torn:
        torn.write('{"id": "half')
    publish(assessment("a", "Healthy"))
    watch.plan_runs()
    respond()
    assert [one["data"]["properties"]["status"]["code"] for one in lines(tmp_path / "out")] == [
        "Unhealthy",
        "Healthy",
    ]
    file.write_bytes(file.read_bytes() + b"x" * (1 << 20) + b"\n")
    publish(assessment("a"))
    watch.plan_runs()
    respond()
    assert len(list((tmp_path / "out").glob("*.ndjson"))) == 2
