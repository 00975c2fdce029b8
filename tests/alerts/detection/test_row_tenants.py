"""Rows of one window that are about several tenants become alerts of each; those of a tenant are what they are without the others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nephoscope.alerts.detection.build_alerts import MOST, build_alerts
from nephoscope.alerts.detection.row_tenants import RowTenants
from nephoscope.alerts.rules.query_result import RuleResultRow
from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.rules.window import RuleWindow
from nephoscope.model.alert import Alert
from nephoscope_kql.types import KqlType
from nephoscope_policy.model.source_location import Place

END = datetime(2026, 3, 2, 12, tzinfo=UTC)
WINDOW = RuleWindow(END - timedelta(hours=1), END)
TENANT_A, TENANT_B = (f"{one * 8}-0000-4000-8000-0000000000ff" for one in "ab")
A, A2, B, FAR = (f"{one * 8}-0000-4000-8000-000000000000" for one in "ab12")
ALONE = RowTenants({A: TENANT_A, A2: TENANT_A}, TENANT_A)
BOTH = RowTenants({A: TENANT_A, A2: TENANT_A, B: TENANT_B}, TENANT_A)
A_ROW = {"_ResourceId": f"/subscriptions/{A}/resourcegroups/rg/providers/x/y/kv", "Caller": "ann@a.example"}
A2_ROW = {"_SubscriptionId": A2, "Caller": "amy@a.example"}
B_ROW = {"_ResourceId": f"/subscriptions/{B}/resourcegroups/rg/providers/x/y/kv", "Caller": "bob@b.example"}
A_DIRECTORY, B_DIRECTORY = ({"AADTenantId": one, "Caller": "c@x.example"} for one in (TENANT_A, TENANT_B))
NONE = {"Caller": "nobody@x.example", "TenantId": TENANT_B}
UNKNOWN = {"_SubscriptionId": FAR, "Caller": "far@f.example"}
JOINED = {**A_ROW, "other": B}


def built(
    rows: list[dict[str, str]], tenants: RowTenants, count: int | None = None, **changes: Any
) -> list[Alert]:
    document = {
        "id": "r", "name": "R", "kind": "Scheduled", "query": "T", "queryFrequency": "1h", "queryPeriod": "1h",
        "entityMappings": [{"entityType": "Account", "fieldMappings": [{"identifier": "FullName", "columnName": "Caller"}]}],
        "customDetails": {"Who": "Caller"}, **changes,
    }  # fmt: skip
    columns = [RuleResultRow(dict.fromkeys(row, KqlType.STRING), row) for row in rows]
    rule = AnalyticRule.parse(document, Place("r.yaml"))
    return build_alerts(rule, WINDOW, columns, END, count, tenants=tenants)


def callers(alert: Alert) -> list[str]:
    return sorted(alert.custom_details["Who"])


@pytest.mark.parametrize(
    ("tenants", "rows", "found"),
    [
        (RowTenants(), [A_ROW, B_ROW], [["ann@a.example", "bob@b.example"]]),
        (ALONE, [A_ROW, UNKNOWN], [["ann@a.example", "far@f.example"]]),
        (BOTH, [A_ROW, A2_ROW, B_ROW], [["amy@a.example", "ann@a.example"], ["bob@b.example"]]),
        (BOTH, [A_ROW, NONE], [["ann@a.example"], ["nobody@x.example"]]),
        (BOTH, [A_ROW, UNKNOWN], [["ann@a.example"], ["far@f.example"]]),
        (BOTH, [A_ROW, JOINED, B_ROW], [["ann@a.example"], ["ann@a.example"], ["bob@b.example"]]),
        (BOTH, [A_DIRECTORY, B_DIRECTORY], [["c@x.example"], ["c@x.example"]]),
        (BOTH, [], []),
    ],
)  # fmt: skip
def test_an_alert_is_about_one_tenant(
    tenants: RowTenants, rows: list[dict[str, str]], found: list[list[str]]
) -> None:
    made = built(rows, tenants)
    assert sorted(map(callers, made)) == found
    assert len({one.id for one in made}) == len(made)


PER_ROW = {"eventGroupingSettings": {"aggregationKind": "AlertPerResult"}}
MANY = [{**B_ROW, "Caller": f"bob{one}@b.example"} for one in range(MOST + 50)]


@pytest.mark.parametrize("changes", [{}, PER_ROW, {"triggerThreshold": 1, "triggerOperator": "gt"}])
@pytest.mark.parametrize("rows", [[A_ROW], [A_ROW, A2_ROW], [A_ROW, A_DIRECTORY, A2_ROW]])
@pytest.mark.parametrize("others", [[B_ROW], [B_ROW, B_DIRECTORY], MANY, [UNKNOWN], [NONE]])
def test_alerts_of_the_first_tenant_are_those_that_it_has_alone(
    changes: dict[str, Any], rows: list[dict[str, str]], others: list[dict[str, str]]
) -> None:
    alone = built(rows, ALONE, **changes)
    with_others = built([*others, *rows], BOTH, **changes)
    assert [one for one in with_others if one in alone] == alone
    rest = [who for one in with_others if one not in alone for who in callers(one)]
    assert not {row["Caller"] for row in rows if "a.example" in row["Caller"]} & set(rest)


def test_rows_without_a_tenant_keep_their_alert() -> None:
    assert built([NONE], BOTH) == built([NONE], ALONE)


def test_rows_that_were_not_looked_at_count_for_the_only_tenant() -> None:
    assert [one.events for one in built([A_ROW], BOTH, 9)] == [9]
    assert [one.events for one in built([A_ROW, B_ROW], BOTH, 9)] == [1, 1]
