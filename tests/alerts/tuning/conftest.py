"""A rule over sign-ins, rows for it, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.scheduling.schedule import Schedule
from nephoscope.alerts.tuning.tuning_service import TuningEditor
from nephoscope.lake.lake import Lake
from nephoscope.state import State
from nephoscope.state.incidents.alerts import StoredAlert
from nephoscope_policy.model.source_location import Place

HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=3)
MINUTE, ONE_HOUR = timedelta(minutes=1), timedelta(hours=1)


def rule(**changes: Any) -> AnalyticRule:
    document = {
        "id": "r1",
        "name": "Failed sign-ins",
        "kind": "Scheduled",
        "severity": "Medium",
        "queryFrequency": "1h",
        "queryPeriod": "1h",
        "tactics": ["CredentialAccess"],
        "query": "SigninLogs | where ResultType != '0'",
        "entityMappings": [
            {"entityType": "Account", "fieldMappings": [{"identifier": "FullName", "columnName": "UserPrincipalName"}]},
            {"entityType": "IP", "fieldMappings": [{"identifier": "Address", "columnName": "IPAddress"}]},
        ],
        "customDetails": {"App": "AppDisplayName"},
        "eventGroupingSettings": {"aggregationKind": "AlertPerResult"},
        **changes,
    }  # fmt: skip
    return AnalyticRule.parse(document, Place("rule.yaml"))


SINGLE = {"eventGroupingSettings": {"aggregationKind": "SingleAlert"}}


def signin(minutes: float, user: str = "kim@contoso.com", ip: str = "203.0.113.9") -> dict[str, Any]:
    moment = HOUR + timedelta(minutes=minutes)
    return {
        "TimeGenerated": moment,
        "UserPrincipalName": user,
        "IPAddress": ip,
        "ResultType": "50126",
        "AppDisplayName": "Portal",
    }


@pytest.fixture
def put(put: Callable[..., None]) -> Callable[..., None]:
    """Put rows into a table; they came in time for every window."""
    return partial(put, came=HOUR)


@pytest.fixture
def edit(state: State) -> Callable[..., TuningEditor]:
    """Change the tuning, by ana, some hours after HOUR."""

    def editing(hours: float = 0, advice: str = "") -> TuningEditor:
        return TuningEditor(state, "default", "ana", HOUR + timedelta(hours=hours), advice)

    return editing


@pytest.fixture
def run(lake: Lake, state: State) -> Callable[..., list[StoredAlert]]:
    """Run a rule in the window that ends some hours after HOUR; all alerts, the first first."""

    def running(one: AnalyticRule, hours: float = 1) -> list[StoredAlert]:
        end = HOUR + timedelta(hours=hours)
        (ran,) = Schedule(lake, state, [one], "default").run_all_rules_once(end, end + 6 * MINUTE)
        assert ran.outcome.error == ""
        return state.alerts.history("default", HOUR - timedelta(days=30), HOUR + timedelta(days=30))

    return running
