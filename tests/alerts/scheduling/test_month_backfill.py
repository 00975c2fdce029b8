"""A month of logs with attacks on four days: looking back raises what a schedule raised that got the rows as they came.

`make test` has its last twelve days, with two of the attacks and all rules.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.scheduling.backfill import LookBack
from nephoscope.alerts.scheduling.schedule import Schedule
from nephoscope.lake.lake import Lake
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.posture.published.build_info import BuildInfo
from nephoscope.posture.published.document import PublishedDocument
from nephoscope.posture.published.publishing import publish_documents
from nephoscope.resource_graph import open_lake_with_estate
from nephoscope.state import State
from nephoscope_policy.model.source_location import Place

pytestmark = pytest.mark.full

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
DAYS = 30
END = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - DAY
START = END - DAYS * DAY
#: Day -> the hour in which somebody tries passwords.
ATTACKS = {6: 5, 13: 12, 20: 18, 26: 23}
#: The first day of what is looked back at.
FIRST_DAYS = [pytest.param(0, id="month", marks=pytest.mark.full), pytest.param(18, id="days")]
SUBSCRIPTION = "22222222-2222-4222-8222-222222222222"
ROLES = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleAssignments"
FAILED = "SigninLogs | where ResultType == '50126'"
HOLDERS = "(AuthorizationResources | extend UserId = tostring(parse_json(properties).principalId) | project UserId, id)"
#: Rule -> frequency, period, query, other members; each is of another shape for the plan of windows.
RULES: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "spray": ("1d", "1d", f"{FAILED} | summarize Users = dcount(UserId) by IPAddress | where Users >= 3", {}),
    "guessed": (
        "1d", "2d",
        "SigninLogs | sort by UserId asc, TimeGenerated asc | extend Before = prev(ResultType), Same = prev(UserId) == UserId"
        " | where Same and Before == '50126' and ResultType == '0' | project TimeGenerated, UserPrincipalName", {},
    ),
    "network": (
        "1d", "14d",
        "let known = SigninLogs | where TimeGenerated < ago(1d) | distinct IPAddress;"
        " SigninLogs | where TimeGenerated >= ago(1d) and ResultType == '0' | join kind=leftanti known on IPAddress"
        " | summarize n = count() by UserPrincipalName, IPAddress", {},
    ),
    "holder": ("1d", "1d", f"{FAILED} | join kind=inner {HOLDERS} on UserId | project TimeGenerated, UserPrincipalName, id", {}),
    "stranger": ("1d", "1d", f"{FAILED} | join kind=leftanti {HOLDERS} on UserId | summarize n = count() by UserPrincipalName", {}),
    "either": (
        "1d", "1d",
        f"union ({FAILED} | project Who = UserId), (AuthorizationResources | where name == 'nobody' | project Who = id)"
        " | summarize n = count() by Who | where n > 2", {},
    ),
    "roles": ("1d", "1d", f"{HOLDERS} | summarize n = dcount(UserId)", {}),
    "silence": (
        "1d", "1d", "SigninLogs | where IPAddress == '198.51.100.7'",
        {"triggerOperator": "lt", "triggerThreshold": 1, "eventGroupingSettings": {"aggregationKind": "SingleAlert"}},
    ),
    "paused": (
        "1d", "1d", f"{FAILED} | project TimeGenerated, UserPrincipalName",
        {"suppressionEnabled": True, "suppressionDuration": "24h"},
    ),
    "second": ("1d", "2d", "SecurityAlert | where AlertName == 'Rule spray' | project TimeGenerated, SystemAlertId", {}),
}  # fmt: skip


def parse_rule(id_: str) -> AnalyticRule:
    frequency, period, query, more = RULES[id_]
    document = {
        "id": id_, "name": f"Rule {id_}", "kind": "Scheduled", "severity": "Medium", "queryFrequency": frequency,
        "queryPeriod": period, "query": query, "eventGroupingSettings": {"aggregationKind": "AlertPerResult"}, **more,
    }  # fmt: skip
    return AnalyticRule.parse(document, Place(f"{id_}.yaml"))


def signin(moment: datetime, user: str, address: str = "198.51.100.7", code: str = "0") -> dict[str, Any]:
    return {
        "TimeGenerated": moment, "UserId": user, "UserPrincipalName": f"{user}@contoso.com", "IPAddress": address, "ResultType": code,
    }  # fmt: skip


def sign_ins(first: int) -> list[dict[str, Any]]:
    """Let Ada and Kim work on weekdays of a kind; on days of attacks somebody tries passwords, over midnight, too, and gets in."""
    found = [
        signin(START + day * DAY + hour * HOUR, user)
        for day in range(first, DAYS)
        if day % 7 not in (3, 4)
        for hour, user in ((8, "ada"), (13, "kim"))
    ]
    for day, hour in ATTACKS.items():
        if day < first:
            continue
        begin, address = START + day * DAY + hour * HOUR, f"203.0.113.{day}"
        tries = [
            signin(begin + n * 15 * MINUTE, user, address, "50126")
            for n, user in enumerate(("ada", "kim", "jo", "eve", "ada", "ada"))
        ]
        found += [*tries, signin(begin + 2 * HOUR, "eve", address)]
    return sorted(found, key=lambda one: one["TimeGenerated"])


def assess(data: Path) -> None:
    """Publish an estate in which Ada and Eve have a role."""
    bodies = [
        {"id": f"{ROLES}/{one}", "name": one, "type": "Microsoft.Authorization/roleAssignments", "properties": {"principalId": one}}
        for one in ("ada", "eve")
    ]  # fmt: skip
    made = BuildInfo(END, "", len(bodies), None, 0, 0, {}, (), {}, (), (), 0, {SUBSCRIPTION: "s"}, {})
    publish_documents(data, [(PublishedDocument.of(one), "authorizationresources") for one in bodies], made)


def write(lake: Lake, rows: Iterable[dict[str, Any]], sequence: int) -> None:
    found = to_arrow_rows(lake.tables["SigninLogs"], list(rows), workspace=lake.workspace("default"), now=END)
    assert found.bad == []
    lake.writer().append("default", {"SigninLogs": found.table}, producer="test", sequence=sequence)
    lake.flush()


def alerts(state: State, start: datetime) -> dict[str, tuple[Any, ...]]:
    found = state.alerts.history("default", start - DAY, END + DAY)
    return {
        one.id: (one.rule, one.raised, one.started, one.ended, one.traits)
        for one in found
        if one.raised > start
    }


def run_as_rows_come(data: Path, first: int) -> dict[str, tuple[Any, ...]]:
    """Run a schedule day by day while the rows come, and return its alerts."""
    rows = sign_ins(first)
    assess(data)
    with State.open_folder(data) as state, open_lake_with_estate(data, state) as lake:
        schedule = Schedule(lake, state, list(map(parse_rule, RULES)), "default")
        moments = [START + n * DAY for n in range(first, DAYS + 1)]
        for place, (since, until) in enumerate(pairwise(moments)):
            if came := [one for one in rows if since <= one["TimeGenerated"] < until]:
                write(lake, came, place)
            assert [ran.outcome.error for ran in schedule.tick(until + 5 * MINUTE) if ran.outcome.error] == []
            lake.flush()
        return alerts(state, moments[0])


@pytest.mark.parametrize("first", FIRST_DAYS)
def test_a_look_back_comes_to_what_a_schedule_came_to(tmp_path: Path, first: int) -> None:
    scheduled, start = run_as_rows_come(tmp_path / "scheduled", first), START + first * DAY
    assess(tmp_path / "later")
    with (
        State.open_folder(tmp_path / "later") as state,
        open_lake_with_estate(tmp_path / "later", state) as lake,
    ):
        write(lake, sign_ins(first), 0)
        looking = LookBack(Schedule(lake, state, list(map(parse_rule, RULES)), "default"))
        assert [ran.outcome.error for ran in looking.run(start, END, END + HOUR) if ran.outcome.error] == []
        found = alerts(state, start)
    assert {rule for rule, *_ in found.values()} == RULES.keys()
    assert found == scheduled
    assert looking.empty > looking.windows / 3
