"""Rules read the estate beside logs: as it was assessed when their round began, and with an error where it says nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from nephoscope.alerts.detection.detector import Detector, RuleOutcome
from nephoscope.alerts.library.content_item import ContentItem, ContentKind
from nephoscope.alerts.library.content_status import RuleAvailability, assess
from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.rules.window import SETTLE, build_window
from nephoscope.alerts.scheduling.schedule import Schedule
from nephoscope.lake.lake import Lake
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.posture.published.build_info import BuildInfo
from nephoscope.posture.published.document import PublishedDocument
from nephoscope.posture.published.publishing import publish_documents
from nephoscope.resource_graph import open_lake_with_estate
from nephoscope.state import State
from nephoscope_policy.model.source_location import Place

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
ADA = "11111111-1111-4111-8111-111111111111"
SUBSCRIPTION = "22222222-2222-4222-8222-222222222222"
QUERY = """SigninLogs
| join kind=inner (AuthorizationResources
    | where type =~ 'microsoft.authorization/roleassignments'
    | extend UserId = tostring(parse_json(properties).principalId)) on UserId
| project TimeGenerated, UserPrincipalName, id"""


def rule(query: str) -> AnalyticRule:
    document: dict[str, Any] = {
        "id": "r", "name": "Sign-in with a role", "kind": "Scheduled", "query": query, "queryFrequency": "1h", "queryPeriod": "1h",
        "severity": "High",
    }  # fmt: skip
    return AnalyticRule.parse(document, Place("r.yaml"))


def assess_estate_parts(data: Path, *principals: str) -> None:
    """Publish an estate in which some accounts have a role."""
    below = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleAssignments"
    bodies = [
        {
            "id": f"{below}/{one}",
            "name": one,
            "type": "Microsoft.Authorization/roleAssignments",
            "properties": {"principalId": one},
        }
        for one in principals
    ]
    made = BuildInfo(NOW, "", len(bodies), None, 0, 0, {}, (), {}, (), (), 0, {SUBSCRIPTION: "s"}, {})
    publish_documents(data, [(PublishedDocument.of(one), "authorizationresources") for one in bodies], made)


@pytest.fixture
def state_of(tmp_path: Path) -> Iterator[State]:
    with State.open_folder(tmp_path) as state:
        yield state


@pytest.fixture
def lake(tmp_path: Path, state_of: State) -> Iterator[Lake]:
    state = state_of
    with open_lake_with_estate(tmp_path, state) as lake:
        record = {
            "TimeGenerated": NOW.replace(microsecond=1),
            "UserId": ADA,
            "UserPrincipalName": "ada@contoso.com",
        }
        rows = to_arrow_rows(
            lake.tables["SigninLogs"], [record], workspace=state.workspaces.get(), now=NOW
        ).table
        lake.writer().append("default", {"SigninLogs": rows}, producer="test", sequence=1)
        lake.flush()
        yield lake


def outcome(lake: Lake, query: str, *, shared: bool) -> RuleOutcome:
    """What a rule finds in the hour that ends one hour after NOW, alone or in a round with others."""
    one = rule(query)
    window = build_window(one, NOW.replace(hour=NOW.hour) + one.frequency)
    if not shared:
        return Detector(lake, "default").run(one, window, NOW)
    with lake.reading("default") as reading:
        return Detector(lake, "default", reading=reading).run(one, window, NOW)


@pytest.mark.parametrize("shared", [False, True], ids=["alone", "in a round"])
def test_a_sign_in_of_who_has_a_role(lake: Lake, shared: bool) -> None:
    assess_estate_parts(lake.data, ADA)
    found = outcome(lake, QUERY, shared=shared)
    assert (found.error, len(found.alerts)) == ("", 1)
    assess_estate_parts(lake.data, SUBSCRIPTION)
    assert outcome(lake, QUERY, shared=shared).alerts == ()


@pytest.mark.parametrize("shared", [False, True], ids=["alone", "in a round"])
@pytest.mark.parametrize(
    ("query", "said"),
    [
        (QUERY, "no resources were assessed yet"),
        ("AdvisorResources", "no resources were assessed yet"),
    ],
)
def test_an_estate_that_was_not_assessed_is_an_error_of_the_rule(
    lake: Lake, shared: bool, query: str, said: str
) -> None:
    assert said in outcome(lake, query, shared=shared).error


@pytest.mark.parametrize("way", ["tick", "once"])
def test_rules_that_cannot_read_the_estate_fail_alone(lake: Lake, state_of: State, way: str) -> None:
    rules = [
        replace(rule(query), id=f"r{n}")
        for n, query in enumerate([QUERY, "Resources", "arg('').Resources", "SigninLogs"] * 3)
    ]
    schedule = Schedule(lake, state_of, rules, "default")
    end = NOW + rules[0].frequency
    ran = list(
        schedule.tick(end + SETTLE) if way == "tick" else schedule.run_all_rules_once(end, end + SETTLE)
    )
    errors = {one.outcome.rule.query: one.outcome.error for one in ran}
    assert len(ran) == len(rules)
    assert errors.pop("SigninLogs") == ""
    assert all("no resources were assessed yet" in one for one in errors.values()), errors


def test_a_table_that_nothing_fills_is_an_error_of_the_rule(lake: Lake) -> None:
    assess_estate_parts(lake.data, ADA)
    assert (
        "nothing is read into AdvisorResources here" in outcome(lake, "AdvisorResources", shared=True).error
    )


@pytest.mark.full
def test_a_round_reads_one_evaluation(lake: Lake) -> None:
    assess_estate_parts(lake.data, ADA)
    one = rule(QUERY)
    with lake.reading("default") as reading:
        assess_estate_parts(lake.data, SUBSCRIPTION)
        found = Detector(lake, "default", reading=reading).run(
            one, build_window(one, NOW + one.frequency), NOW
        )
    assert len(found.alerts) == 1


def test_a_rule_on_the_estate_stands_as_one_that_runs(lake: Lake) -> None:
    document = {
        "id": "r", "name": "r", "kind": "Scheduled", "query": QUERY, "queryFrequency": "1h", "queryPeriod": "1h", "severity": "Low",
    }  # fmt: skip
    judged = assess(
        ContentItem(ContentKind.RULE, "r", "r", "", "t", document, Place("r")), lake, "default", NOW
    )
    assert (judged.standing, judged.tables) == (RuleAvailability.RUNS, ("SigninLogs",))
