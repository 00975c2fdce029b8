"""An alert of a rule of volume is a row of Anomalies too, once, with what was expected and seen in words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nephoscope.alerts.rules.rule_files import find_rules, locate_rules_folder
from nephoscope.alerts.scheduling.schedule import Schedule
from nephoscope.lake.lake import Lake
from nephoscope.state import State

HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=2)
RULES = sorted(
    path for path in locate_rules_folder().rglob("volume-*.yaml") if not path.name.endswith(".test.yaml")
)


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_a_rule_of_volume_names_its_score_and_reasons(path: Path) -> None:
    (rule,) = find_rules(path).rules
    assert {"AnomalyScore", "Why", "Seen", "Expected", "Since"} <= {name for name, _ in rule.custom_details}
    assert rule.override.description == "{{Why}}"
    assert "series_decompose_anomalies" in rule.query


def test_far_more_deletions_are_an_alert_and_an_anomaly(
    lake: Lake, state: State, put: Callable[..., None]
) -> None:
    def deleted(moment: datetime) -> dict[str, Any]:
        return {
            "TimeGenerated": moment, "CategoryValue": "Administrative", "ActivityStatusValue": "Success", "Caller": "kim@contoso.com",
            "OperationNameValue": "MICROSOFT.COMPUTE/DISKS/DELETE",
        }  # fmt: skip

    usual = [deleted(HOUR - timedelta(days=day, hours=-1)) for day in range(1, 13)]
    put("AzureActivity", *usual, *(deleted(HOUR + timedelta(minutes=minute)) for minute in range(20)))
    rules = [
        one
        for one in find_rules(locate_rules_folder()).rules
        if one.name == "Unusual number of deletions by a caller"
    ]
    schedule = Schedule(lake, state, rules, "default")
    assert [len(ran.taken.alerts) for ran in schedule.tick(HOUR + timedelta(minutes=66))] == [1]
    list(schedule.run_all_rules_once(HOUR + timedelta(hours=1), HOUR + timedelta(hours=2)))
    lake.flush()
    (row,) = lake.rows(
        "Anomalies | project RuleName, Score, Description, Why = tostring(AnomalyReasons[0].Description), UserPrincipalName"
    ).to_pylist()
    assert row["RuleName"] == "Unusual number of deletions by a caller"
    assert 0 < row["Score"] <= 1
    assert row["Description"] == row["Why"]
    assert row["UserPrincipalName"] == "kim@contoso.com"
    assert row["Why"].startswith("20 deletions by kim@contoso.com in the hour from")
    assert f"the baseline reaches back to {HOUR - timedelta(days=12, hours=-1):%Y-%m-%d}" in row["Why"]
    assert (
        lake.rows("SecurityAlert | where Description startswith '20 deletions by kim' | count").to_pylist()[
            0
        ]["Count"]
        >= 1
    )
