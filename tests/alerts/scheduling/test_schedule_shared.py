"""Rules that share versions, an engine, rows in memory and results find what each finds alone."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nephoscope.alerts.detection.detector import Detector, RuleOutcome
from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.rules.rule_files import load_shipped_rules
from nephoscope.alerts.rules.window import build_window
from nephoscope.alerts.scheduling.due_windows import DueWindows
from nephoscope.alerts.scheduling.schedule import Schedule
from nephoscope.lake.lake import Lake
from nephoscope.lake.queries import consistent_queries as reading_module
from nephoscope.lake.queries.time_span import RowSpan
from nephoscope.state import State
from nephoscope_policy.model.source_location import Place

Put = Callable[..., None]
HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=2)
MINUTE = timedelta(minutes=1)
#: Each looks at the tables in another way; {n} differs from rule to rule.
QUERIES = (
    "SigninLogs | where ResultType != '0' and UserPrincipalName endswith '{n}@contoso.com'",
    "SigninLogs | summarize Count = count(), Addresses = make_set(IPAddress) by UserPrincipalName | where Count > {n}",
    "SigninLogs | where TimeGenerated > ago(10m) | summarize dcount(IPAddress) by UserPrincipalName",
    "SigninLogs | join kind=inner (AzureActivity | project Caller, OperationNameValue) on $left.UserPrincipalName == $right.Caller "
    "| summarize Count = count() by UserPrincipalName, OperationNameValue | where Count > {n}",
    "SigninLogs | join kind=leftanti AzureActivity on $left.UserPrincipalName == $right.Caller "
    "| summarize count() by UserPrincipalName",
    "AzureActivity | where OperationNameValue has 'KEYS' | extend Time = ingestion_time() | where isnotempty(Time)",
    "union SigninLogs, AzureActivity | summarize Count = count() by Type",
    "OfficeActivity | where Operation == 'New-InboxRule'",
    "OfficeActivity | count | where Count == 0",
    "SigninLogs | join kind=inner OfficeActivity on $left.UserPrincipalName == $right.UserId",
    "print Total = toscalar(SigninLogs | count), Start = now(-1h) | where Total > {n}",
    "AzureActivity | extend Bag = pack('a', Caller, 'b{n}', 1) | evaluate bag_unpack(Bag) | project Caller, a",
    "let few = SigninLogs | summarize Count = count() by IPAddress | where Count < 3 | project IPAddress; "
    "SigninLogs | where IPAddress in (few) | project TimeGenerated, UserPrincipalName, IPAddress",
    "search in (SigninLogs, AzureActivity) 'user{n}' | summarize count() by $table",
)  # fmt: skip


#: How many rules: each query once, or three times with other numbers and periods.
COUNTS = [len(QUERIES), pytest.param(3 * len(QUERIES), marks=pytest.mark.full)]


def rules(count: int) -> list[AnalyticRule]:
    found = []
    for number in range(count):
        query = QUERIES[number % len(QUERIES)].replace("{n}", str(number // len(QUERIES)))
        period = ("5m", "1h", "1d")[number % 3]
        document: dict[str, Any] = {
            "id": f"r{number:02}", "name": f"R{number}", "kind": "NRT" if number % 11 == 10 else "Scheduled", "severity": "Low",
            "queryFrequency": "5m", "queryPeriod": period, "query": query, "triggerOperator": "gt", "triggerThreshold": 0,
        }  # fmt: skip
        found.append(AnalyticRule.parse(document, Place("r")))
    return found


def seen(outcome: RuleOutcome) -> tuple[Any, ...]:
    """What decides alerts, whatever order rows without an order come in."""
    alerts = sorted(
        (one.id, one.events, one.start, one.end, sorted(e.key for e in one.entities))
        for one in outcome.alerts
    )
    return outcome.error, outcome.rows, alerts


def filled(put: Put) -> None:
    luck = random.Random(5)
    for part in range(3):
        came = HOUR + 61 * MINUTE + part * MINUTE
        moments = [HOUR + timedelta(seconds=luck.uniform(-80_000, 3600)) for _ in range(150)]
        put("SigninLogs", *(
            {"TimeGenerated": moment, "UserPrincipalName": f"user{luck.randrange(9)}@contoso.com",
             "IPAddress": f"203.0.113.{luck.randrange(40)}", "ResultType": luck.choice(["0", "50126"])} for moment in moments
        ), came=came)  # fmt: skip
        put("AzureActivity", *(
            {"TimeGenerated": moment, "Caller": f"user{luck.randrange(12)}@contoso.com",
             "OperationNameValue": luck.choice(["LIST/KEYS/ACTION", "WRITE"])} for moment in moments[:60]
        ), came=came)  # fmt: skip
    put(
        "OfficeActivity", {"TimeGenerated": HOUR - timedelta(days=3), "Operation": "New-InboxRule"}, came=HOUR
    )


@pytest.mark.parametrize("count", COUNTS)
def test_together_as_alone(lake: Lake, state: State, put: Put, count: int) -> None:
    filled(put)
    several = (
        rules(count)
        + [
            one
            for one in load_shipped_rules().rules
            if "SigninLogs" in one.query or "AzureActivity" in one.query
        ][: count // 3]
    )
    end, now = HOUR + 60 * MINUTE, HOUR + 70 * MINUTE
    schedule = Schedule(lake, state, several, "default")
    alone = Detector(lake, "default")
    with lake.reading() as reading:
        schedule._prepare_shared_rows(reading, [DueWindows(rule, (end,)) for rule in several])
        kept = [one for rows in reading._kept.values() for one in rows]
        assert {one.span.end for one in kept} == {end}
        together = Detector(lake, "default", reading=reading)
        for moment in (end, end - 5 * MINUTE):
            for rule in several:
                window = build_window(rule, moment)
                assert seen(together.run(rule, window, now)) == seen(alone.run(rule, window, now)), rule.query
        assert (
            sum(len(seen(together.run(rule, build_window(rule, end), now))[2]) for rule in several)
            > count // 2 - 1
        )


@pytest.mark.full
@pytest.mark.parametrize("count", COUNTS)
def test_windows_that_were_prepared_for_are_as_alone(lake: Lake, put: Put, count: int) -> None:
    """What windows have in common is computed once: those inside the span, those outside and NRT windows find what they find alone."""
    filled(put)
    end, now = HOUR + 60 * MINUTE, HOUR + 70 * MINUTE
    alone = Detector(lake, "default")
    with lake.reading() as reading:
        together = Detector(lake, "default", reading=reading)
        several = rules(count)
        for rule in several:
            reading.foresee(rule.query, RowSpan(end - 30 * MINUTE - rule.period, end))
        prepared = {rule.query for rule in several if reading.is_foreseen(rule.query)}
        assert len(prepared) >= count // 5
        for rule in several:
            for moment in (end, end - 15 * MINUTE, end - 30 * MINUTE, end - 90 * MINUTE):
                window = build_window(rule, moment)
                assert seen(together.run(rule, window, now)) == seen(alone.run(rule, window, now)), rule.query


def test_what_is_too_much_is_not_prepared_for(lake: Lake, put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(put)
    end, text = (
        HOUR + 60 * MINUTE,
        "SigninLogs | where ResultType != '0' | project TimeGenerated, UserPrincipalName",
    )
    span = RowSpan(end - timedelta(hours=1), end)
    monkeypatch.setattr(reading_module, "AHEAD_BYTES", 100)
    with lake.reading() as reading:
        for query in (text, f"{text} | where", "SigninLogs | evaluate bag_unpack(LocationDetails)"):
            reading.foresee(query, span)
            assert not reading.is_foreseen(query)
        assert (
            reading.rows(reading.compile(text, end), text, span).num_rows
            == lake.rows(text, span=span).num_rows
        )


def test_a_reading_stays_at_its_moment(lake: Lake, put: Put) -> None:
    filled(put)
    end, now = HOUR + 60 * MINUTE, HOUR + 70 * MINUTE
    rule = AnalyticRule.parse(
        {"id": "r", "name": "R", "queryFrequency": "1h", "queryPeriod": "1h", "severity": "Low", "query": "SigninLogs"}, Place("r")
    )  # fmt: skip
    with lake.reading() as reading:
        before = Detector(lake, "default", reading=reading).run(rule, build_window(rule, end), now)
        put("SigninLogs", {"TimeGenerated": HOUR + 30 * MINUTE, "UserPrincipalName": "kim@contoso.com"})
        again = Detector(lake, "default", reading=reading).run(rule, build_window(rule, end), now)
        assert (again.rows, again.seen) == (before.rows, before.seen)
    after = Detector(lake, "default").run(rule, build_window(rule, end), now)
    assert after.rows == before.rows + 1
