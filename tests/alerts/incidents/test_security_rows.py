"""Alerts and incidents as rows, column by column as Sentinel writes them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from nephoscope.alerts.detection.build_alerts import build_alerts
from nephoscope.alerts.detection.detector import RuleOutcome
from nephoscope.alerts.detection.prefetch import add_searched_times
from nephoscope.alerts.documents.duration import format_timespan, parse_duration
from nephoscope.alerts.incidents.incident_service import IncidentService
from nephoscope.alerts.incidents.security_rows import build_alert_row
from nephoscope.alerts.rules.query_result import RuleResultRow
from nephoscope.alerts.rules.rule import PROPERTIES, AnalyticRule, AnalyticRuleError
from nephoscope.alerts.rules.window import RuleWindow
from nephoscope.state import State
from nephoscope.state.access.principals import PrincipalKind
from nephoscope.state.incidents.incidents import IncidentStatus
from nephoscope.state.ingestion.outbox import OutboxRow
from nephoscope_kql.types import KqlType
from nephoscope_policy.model.source_location import Place

END = datetime(2026, 3, 2, 12, tzinfo=UTC)
WINDOW = RuleWindow(END - timedelta(hours=5), END)
RULE = {
    "id": "r", "name": "R", "kind": "Scheduled", "query": "T", "queryFrequency": "1h", "queryPeriod": "5h",
    "relevantTechniques": ["T1078.004", "T1110"],
}  # fmt: skip


def outcome_of(*rows: dict[str, Any], **changes: Any) -> RuleOutcome:
    rule = AnalyticRule.parse({**RULE, **changes}, Place("r.yaml"))
    findings = [RuleResultRow(dict.fromkeys(row, KqlType.STRING), row) for row in rows]
    return RuleOutcome(rule, WINDOW, len(rows), tuple(build_alerts(rule, WINDOW, findings, END)))


def row_of(*rows: dict[str, Any], **changes: Any) -> dict[str, Any]:
    outcome = add_searched_times(outcome_of(*rows, **changes))
    return build_alert_row(outcome.alerts[0], outcome.rule)


def overriding(**columns: str) -> dict[str, Any]:
    several = [{"alertProperty": name, "value": column} for name, column in columns.items()]
    return {"alertDetailsOverride": {"alertDynamicProperties": several}}


def test_what_a_rule_looked_at_stands_in_sentinels_words() -> None:
    properties = json.loads(row_of({"A": "1"}, {"A": "2"})["ExtendedProperties"])
    assert {name: properties[name] for name in properties if name not in ("Query", "Custom Details")} == {
        "Query Period": "05:00:00", "Query Frequency": "01:00:00", "Trigger Operator": "GreaterThan", "Trigger Threshold": "0",
        "Total Events": "2", "Search Query Results Overall Count": "2", "Event Grouping": "SingleAlert",
        "Query Start Time UTC": "2026-03-02 07:00:00Z", "Query End Time UTC": "2026-03-02 12:00:00Z",
        "Analytic Rule Ids": '["r"]', "Analytic Rule Name": "R",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("span", "text"), [(timedelta(hours=5), "05:00:00"), (timedelta(days=14, seconds=61), "14.00:01:01")]
)
def test_a_span_in_a_row_can_be_read_again(span: timedelta, text: str) -> None:
    assert (format_timespan(span), parse_duration(text)) == (text, span)


@pytest.mark.parametrize("text", ["P1Y", "P6M", "P1Y2M3D", "p1y", "P1MT1H"])
def test_years_and_months_are_told_as_what_they_are(text: str) -> None:
    with pytest.raises(ValueError, match=r"years or months.*days, such as P365D"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["P", "PT", "soon", "1Y", "P1W", "PX", ""])
def test_what_is_no_duration_is_told_so(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


def test_sub_techniques_stand_apart() -> None:
    row = row_of({"A": "1"})
    assert (row["Techniques"], row["SubTechniques"]) == ('["T1078", "T1110"]', '["T1078.004"]')


def test_a_row_replaces_columns_of_its_alert() -> None:
    given = {
        "Link": "https://other.example/1",
        "Product": "Scanner",
        "Score": "0.75",
        "How": "T1059.001, T1021",
    }
    row = row_of(
        given,
        **overriding(AlertLink="Link", productname="Product", ConfidenceScore="Score", Techniques="How"),
    )
    assert (row["AlertLink"], row["ProductName"], row["ConfidenceScore"]) == (
        "https://other.example/1",
        "Scanner",
        0.75,
    )
    assert (row["Techniques"], row["SubTechniques"]) == ('["T1059", "T1021"]', '["T1059.001"]')
    assert "Link" not in json.loads(row["ExtendedProperties"])


def test_a_row_that_says_nothing_usable_changes_nothing() -> None:
    row = row_of(
        {"Score": "high", "How": "none"},
        **overriding(ConfidenceScore="Score", Techniques="How", ProductName="Nope"),
    )
    assert "ConfidenceScore" not in row
    assert (row["Techniques"], row["ProductName"]) == ('["T1078", "T1110"]', "nephoscope")


@pytest.mark.parametrize("name", ["Total Events", "Query", "Analytic Rule Ids", "Status", "VendorName"])
def test_only_columns_that_a_rule_may_replace_are_taken(name: str) -> None:
    with pytest.raises(
        AnalyticRuleError, match=rf"alertProperty must be one of AlertLink, .* \(got '{name}'\)"
    ):
        AnalyticRule.parse({**RULE, **overriding(**{name: "A"})}, Place("r.yaml"))
    assert name not in PROPERTIES


def incidents(state: State) -> list[dict[str, Any]]:
    with state.transaction() as session:
        told = session.scalars(select(OutboxRow).order_by(OutboxRow.id))
        return [one.row for one in told if one.table_name == "SecurityIncident"]


def test_an_incident_says_who_works_on_it_and_why_it_was_closed(state: State) -> None:
    incident_service = IncidentService(state, "default")
    incident_service.store_outcome(outcome_of({"A": "1"}), END)
    with state.transaction() as session:
        ana = state.principals.add(session, PrincipalKind.PERSON, "ana@contoso.com")
    incident_service.change(1, END, "ana", owner="ana@contoso.com")
    closing = {"status": IncidentStatus.CLOSED, "classification": "TruePositive"}
    incident_service.change_incidents([1], END, "ana", closing, "the key was rotated")
    first, *_, last = incidents(state)
    assert first["Owner"] == dict.fromkeys(("objectId", "email", "assignedTo", "userPrincipalName"))
    assert last["Owner"] == {
        "objectId": ana.id, "email": "ana@contoso.com", "assignedTo": "ana@contoso.com",
        "userPrincipalName": "ana@contoso.com",
    }  # fmt: skip
    assert (first["ClassificationComment"], last["ClassificationComment"]) == ("", "the key was rotated")
    assert last["IncidentUrl"] == "/incidents/1?workspace=default"
    assert (last["AdditionalData"]["bookmarksCount"], last["AdditionalData"]["commentsCount"]) == (0, 1)
    assert last["AdditionalData"]["techniques"] == ["T1110", "T1078.004"]
