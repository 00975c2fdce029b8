"""Rules that Sentinel would refuse, or that cannot do what they say, are refused or told of."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nephoscope.alerts.detection.detector import Detector
from nephoscope.alerts.detection.required_columns import describe_missing_columns
from nephoscope.alerts.entities.entity_mapping import extract_entities
from nephoscope.alerts.library.content_item import ContentItem, ContentKind
from nephoscope.alerts.library.content_status import RuleAvailability, assess, describe_standing
from nephoscope.alerts.rules.query_result import RuleResultRow
from nephoscope.alerts.rules.rule import AnalyticRule, AnalyticRuleError
from nephoscope.alerts.rules.rule_files import load_shipped_rules
from nephoscope.alerts.rules.window import build_window
from nephoscope.alerts.scheduling.schedule import Schedule
from nephoscope.lake.lake import Lake
from nephoscope.lake.writing.outbox import deliver_outbox
from nephoscope.model.identifiers import IDENTIFIERS
from nephoscope.state import State
from nephoscope_kql.compile import compile_results
from nephoscope_kql.types import KqlType
from nephoscope_policy.model.source_location import Place

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
RULE: dict[str, Any] = {
    "id": "r", "name": "R", "kind": "Scheduled", "query": "print Here='x'", "queryFrequency": "1h", "queryPeriod": "1h",
}  # fmt: skip


def rule(**changes: Any) -> AnalyticRule:
    return AnalyticRule.parse({**RULE, **changes}, Place("r.yaml"))


def mapped(kind: str, identifier: str, column: str = "Here") -> list[dict[str, Any]]:
    return [{"entityType": kind, "fieldMappings": [{"identifier": identifier, "columnName": column}]}]


def grouped(**changes: Any) -> dict[str, Any]:
    return {
        "incidentConfiguration": {
            "groupingConfiguration": {"enabled": True, "matchingMethod": "Selected", **changes}
        }
    }


REFUSED = [
    ({"queryFrequency": "2h"}, "queryFrequency must not be longer than queryPeriod"),
    ({"queryFrequency": "5m", "queryPeriod": "14d"}, "queryFrequency must be 1h or longer"),
    ({"suppressionEnabled": True}, "suppressionDuration must be given, from 5m to 1d"),
    (
        {"suppressionEnabled": True, "suppressionDuration": "30d"},
        "suppressionDuration must be from 5m to 1d, not '30d'",
    ),
    ({"queryPeriod": "0h"}, "queryPeriod must be from 5m to 14d, not '0h'"),
    ({"queryPeriod": ""}, "queryPeriod: '' is not a duration such as 5m, 1h, 14d or PT5H"),
    ({"queryPeriod": 5}, "queryPeriod must be a duration such as 5m, 1h, 14d or PT5H, not 5"),
    ({"queryFrequency": "15d"}, "queryFrequency must be from 5m to 14d, not '15d'"),
    ({"kind": "NRT", "queryPeriod": "0h"}, "queryPeriod must be 1s or longer, not '0h'"),
    ({"query": 5}, "query must be a string, not a number"),
    ({"triggerThreshold": -1}, "triggerThreshold must be a whole number from 0 to 10000, not -1"),
    (
        {"triggerThreshold": 10**12},
        "triggerThreshold must be a whole number from 0 to 10000, not 1000000000000",
    ),
    ({"triggerOperator": "gte"}, "triggerOperator must be one of gt, lt, eq, ne (got 'gte')"),
    ({"learningPeriod": "0d"}, "learningPeriod must be 1s or longer, not '0d'"),
    (
        grouped(lookbackDuration="0h"),
        "groupingConfiguration: lookbackDuration must be from 5m to 7d, not '0h'",
    ),
    (
        {"entityMappings": [{"entityType": "Account"}]},
        "entityMappings[0]: fieldMappings is missing: each needs an identifier and its column",
    ),
    (
        {"entityMappings": mapped("IP", "Address", "")},
        "entityMappings[0].fieldMappings[0]: columnName is missing",
    ),
    (
        {"entityMappings": mapped("Shoe", "Size")},
        f"entityMappings[0]: entityType must be one of {', '.join(IDENTIFIERS)} (got 'Shoe')",
    ),
    ({"name": None}, "name is missing"),
    (
        {"entityMappings": mapped("Account", "Shoe")},
        "identifier 'Shoe' of Account is not one of AadUserId, Sid, Name,",
    ),
    (grouped(groupByEntities=["Nonsense"]), "groupByEntities 'Nonsense' is not a property"),
    (grouped(groupByAlertDetails=["Colour"]), "groupByAlertDetails 'Colour' is not a property"),
    (grouped(groupByCustomDetails=["Port"]), "groupByCustomDetails 'Port' is not a property"),
]


@pytest.mark.parametrize(("changes", "said"), REFUSED, ids=[said for _, said in REFUSED])
def test_what_cannot_work_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(AnalyticRuleError) as error:
        rule(**changes)
    assert said in str(error.value)


ONE_REASON = [
    ({"queryFrequency": "banana"}, "queryFrequency: 'banana' is not a duration such as 5m, 1h, 14d or PT5H"),
    (
        {"suppressionEnabled": True, "suppressionDuration": "0h"},
        "suppressionDuration must be from 5m to 1d, not '0h'",
    ),
    ({"entityMappings": [{}]}, "entityMappings[0]: entityType is missing"),
]


@pytest.mark.parametrize(("changes", "reason"), ONE_REASON, ids=[reason for _, reason in ONE_REASON])
def test_one_wrong_value_is_one_reason(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(AnalyticRuleError) as error:
        rule(**changes)
    assert error.value.reasons == (reason,)


TAKEN = [
    {"entityMappings": []},
    {"queryFrequency": "1h", "queryPeriod": "14d"},
    {"suppressionEnabled": True, "suppressionDuration": "PT24H"},
    {"suppressionEnabled": False, "suppressionDuration": "30d"},
    {"entityMappings": mapped("Host", "OSFamily")},
    {"customDetails": {"Port": "Here"}, **grouped(groupByEntities=["Ip"], groupByCustomDetails=["port"])},
]


@pytest.mark.parametrize("changes", TAKEN, ids=lambda one: "-".join(one))
def test_what_sentinel_takes_is_taken(changes: dict[str, Any]) -> None:
    assert rule(**changes).id == "r"


def test_names_are_read_in_any_case() -> None:
    found = rule(
        entityMappings=mapped("account", "fullname"),
        customDetails={"Port": "Here"},
        **grouped(groupByCustomDetails=["port"]),
    )
    assert found.mappings[0].fields == (("FullName", "Here"),)
    assert found.incidents.custom_details == ("Port",)


LACKING: dict[str, Any] = {
    "entityMappings": mapped("Account", "FullName", "Nobody"),
    "customDetails": {"Port": "NoPort", "Name": "Here"},
    "alertDetailsOverride": {
        "alertDisplayNameFormat": "{{NoTitle}} {{Here}}",
        "alertSeverityColumnName": "NoSeverity",
        "alertDynamicProperties": [{"alertProperty": "AlertLink", "value": "NoLink"}],
    },
}
SAID = ("Nobody", "NoPort", "NoTitle", "NoSeverity", "NoLink")


def test_columns_that_a_query_does_not_give_are_told_at_import(lake: Lake) -> None:
    piece = ContentItem(ContentKind.RULE, "r", "R", "", "r.yaml", {**RULE, **LACKING}, Place("r.yaml"))
    judged = assess(piece, lake, "default", NOW)
    assert judged.standing is RuleAvailability.RUNS
    assert [name for name in SAID if any(f"column {name}," in one for one in judged.reasons)] == list(SAID)
    assert len(judged.reasons) == len(SAID) + 1
    assert judged.reasons[-1].startswith("the query gives ")
    assert "Here" in judged.reasons[-1]
    assert len(judged.lacks) == len(SAID)
    assert describe_standing(judged, ()).startswith(
        "runs, but the entity mapping of Account asks for the column Nobody"
    )


def test_columns_that_a_query_does_not_give_are_told_when_an_alert_lacks_them(
    lake: Lake, state: State
) -> None:
    (ran,) = [
        one
        for one in Schedule(lake, state, [rule(**LACKING)], "default").tick(NOW + timedelta(minutes=6))
        if one.taken.alerts
    ]
    assert any("column Nobody" in one for one in ran.notes)
    deliver_outbox(lake, state)
    lake.flush()
    rows = lake.query("SentinelHealth | project Status, Description")[-1].table.to_pylist()
    assert [row["Status"] for row in rows] == ["Partial success"]
    assert "column NoPort" in rows[0]["Description"]


def test_a_rule_whose_columns_are_all_there_lacks_nothing(lake: Lake) -> None:
    whole = rule(entityMappings=mapped("Account", "FullName"))
    assert Detector(lake, "default").run(whole, build_window(whole, NOW), NOW).lacking == ()


@pytest.mark.parametrize("every", [8, pytest.param(1, marks=pytest.mark.full)])
def test_no_shipped_rule_asks_for_a_column_that_its_query_does_not_give(lake: Lake, every: int) -> None:
    told: dict[str, tuple[str, ...]] = {}
    with lake.catalog(workspace="default") as catalog:
        for one in load_shipped_rules().rules[::every]:
            last = compile_results(one.query, catalog, now=NOW)[-1]
            if last.resume is None:
                told[one.name] = describe_missing_columns(one, dict(last.columns))
    assert len(told) > 250 / every
    assert {name: several for name, several in told.items() if several} == {}


def test_columns_may_hold_whole_entities() -> None:
    several = [
        {"$id": "1", "Name": "kim", "UPNSuffix": "contoso.com", "Type": "account", "Host": {"$ref": "2"}},
        {"$id": "2", "HostName": "web", "Type": "host"},
        {"$ref": "2"}, {"Type": "weather", "Name": "rain"}, "text",
    ]  # fmt: skip
    found = rule(sentinelEntitiesMappings=[{"columnName": "Entities"}])
    row = RuleResultRow({"Entities": KqlType.STRING}, {"Entities": json.dumps(several)})
    assert [one.title for one in extract_entities(row, found.mappings)] == ["kim@contoso.com", "web"]
    assert (
        extract_entities(RuleResultRow({"Entities": KqlType.STRING}, {"Entities": "no list"}), found.mappings)
        == []
    )
