"""Hunting: what a set of queries finds in a range, how much more than the last time, and rows that are kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from nephoscope.alerts.detection.build_alerts import build_alerts
from nephoscope.alerts.incidents.bookmark_service import BookmarkService
from nephoscope.alerts.incidents.incident_service import IncidentService
from nephoscope.alerts.library.hunting import HuntingFilter, HuntingRange, HuntingRunner, states_time_range
from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.rules.window import RuleWindow
from nephoscope.alerts.scheduling.schedule import Schedule
from nephoscope.cli.main import cli
from nephoscope.lake.lake import Lake
from nephoscope.lake.writing.outbox import deliver_outbox
from nephoscope.state import State, StateError
from nephoscope_policy.model.source_location import Place

Put = Callable[..., None]
HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=2)
MINUTE, ONE_HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def query(
    id_: str = "q1", text: str = "SigninLogs | where ResultType != '0'", **changes: Any
) -> AnalyticRule:
    document = {
        "id": id_,
        "name": f"Query {id_}",
        "query": text,
        "tactics": ["CredentialAccess"],
        "relevantTechniques": ["T1110.003"],
        **changes,
    }
    return AnalyticRule.parse(document, Place("query.yaml"))


def signin(minutes: float, user: str = "kim@contoso.com", result: str = "50126") -> dict[str, Any]:
    moment = HOUR + timedelta(minutes=minutes)
    return {
        "TimeGenerated": moment,
        "UserPrincipalName": user,
        "IPAddress": "203.0.113.9",
        "ResultType": result,
    }


OVER = HuntingRange(HOUR, HOUR + ONE_HOUR)


def test_a_set_of_queries_over_a_range(lake: Lake, state: State, put: Put) -> None:
    put("SigninLogs", signin(-10), signin(0), signin(5), signin(60), signin(7, result="0"))
    hunt = HuntingRunner(lake, "default")
    queries = [
        query(),
        query("q2", "NoSuchTable | take 1"),
        query("q3", "SigninLogs | where ResultType == 'x'"),
    ]
    now = datetime.now(UTC)
    found = {one.query.id: one for one in hunt.run(queries, OVER, {}, now)}
    assert {id_: (one.run.hits, one.delta) for id_, one in found.items()} == {
        "q1": (2, None),
        "q2": (0, None),
        "q3": (0, None),
    }
    assert "no table, function or variable is named 'NoSuchTable'" in found["q2"].run.error
    state.hunting_runs.put(one.run for one in found.values())
    put("SigninLogs", signin(8))
    again = {one.query.id: one for one in hunt.run(queries, OVER, state.hunting_runs.last("default"), now)}
    assert {id_: one.delta for id_, one in again.items()} == {"q1": 1, "q2": None, "q3": 0}
    longer = HuntingRange(HOUR - DAY, HOUR + ONE_HOUR)
    (wide,) = hunt.run([queries[0]], longer, state.hunting_runs.last("default"), now)
    assert (wide.run.hits, wide.delta) == (4, None)
    # from the same moment on, to a later end: two that came meanwhile, and one that was there behind the end
    state.hunting_runs.put([wide.run])
    put("SigninLogs", signin(70), signin(80))
    (grown,) = hunt.run(
        [queries[0]], HuntingRange(longer.since, HOUR + 2 * ONE_HOUR), state.hunting_runs.last("default"), now
    )
    assert (grown.run.hits, grown.delta) == (7, 3)


def test_a_query_that_states_a_time_sees_what_came_before(lake: Lake, put: Put) -> None:
    put("SigninLogs", signin(-30 * 60), signin(5))
    text = (
        "SigninLogs | where TimeGenerated > ago(2d) | summarize First=min(TimeGenerated) by UserPrincipalName"
    )
    hunt = HuntingRunner(lake, "default")
    ((_, row),) = hunt.run_query(query(text=text), OVER, datetime.now(UTC))
    assert row.document()["First"].startswith((HOUR - 30 * ONE_HOUR).strftime("%Y-%m-%dT%H:%M"))
    assert states_time_range(text)
    assert not states_time_range("SigninLogs | where TimeGeneratedBy == 'x'")


def test_a_mark_is_that_of_the_values(lake: Lake, put: Put) -> None:
    put("SigninLogs", {**signin(0), "DeviceDetail": {"isManaged": True, "os": "Linux"}})
    hunt, text = HuntingRunner(lake, "default"), "SigninLogs | project UserPrincipalName, DeviceDetail"
    now = datetime.now(UTC)
    (first,), (second,) = (
        hunt.run_query(query(text=text), OVER, now),
        hunt.run_query(query(text=text), OVER, now),
    )
    assert first[0] == second[0]
    assert first[1].document()["DeviceDetail"] == {"isManaged": True, "os": "Linux"}
    # a row of no entity is told from others by its values: a second run raises the same alert
    window = RuleWindow(OVER.since, OVER.until)
    rule = query(
        text=text,
        kind="Scheduled",
        queryFrequency="1h",
        eventGroupingSettings={"aggregationKind": "AlertPerResult"},
    )
    ids = {build_alerts(rule, window, [row], now)[0].id for row in (first[1], second[1])}
    assert len(ids) == 1


@pytest.mark.parametrize(
    ("chosen", "wanted"),
    [
        (HuntingFilter(), ["q1", "q2"]),
        (HuntingFilter(tactics=("credentialaccess",)), ["q1"]),
        (HuntingFilter(techniques=("T1110",)), ["q1"]),
        (HuntingFilter(techniques=("T1110.00",)), []),
        (HuntingFilter(names=("QUERY Q2", "nothing")), ["q2"]),
        (HuntingFilter(tables=("AuditLogs",)), ["q2"]),
        (HuntingFilter(tables=("AuditLogs",), tactics=("CredentialAccess",)), []),
    ],
)
def test_queries_are_chosen(chosen: HuntingFilter, wanted: list[str], lake: Lake) -> None:
    several = [query(), query("q2", "AuditLogs", tactics=["Impact"], relevantTechniques=["T1485"])]
    assert [one.id for one in HuntingRunner(lake, "default").choose(several, chosen)] == wanted


def test_a_row_is_kept_and_becomes_an_incident(lake: Lake, state: State, put: Put) -> None:
    put("SigninLogs", signin(0), signin(5, "ana@contoso.com"))
    now = datetime.now(UTC)
    rows = HuntingRunner(lake, "default").run_query(query(), OVER, now)
    assert len({mark for mark, _ in rows}) == 2
    bookmarks = BookmarkService(IncidentService(state, "default"))
    by_user = {row.get_text("UserPrincipalName"): row for _, row in rows}
    first = bookmarks.create(
        query(), by_user["kim@contoso.com"], OVER, now, "ana", notes="odd", tags=["case7"]
    )
    assert {one["Type"] for one in first.entities} == {"account", "ip"}
    assert first.event_time == HOUR
    second = bookmarks.create(query(), by_user["ana@contoso.com"], OVER, now, "ana", name="Her own")
    bookmarks.change(second.id[:8], now + MINUTE, "kim", notes="hers", tags=["x"])
    incident = bookmarks.promote(
        [first.id, second.id[:8]], now + 2 * MINUTE, "kim", title="Spray", severity="High"
    )
    assert (incident.first_activity, incident.last_activity) == (HOUR, HOUR + 5 * MINUTE)
    with state.transaction() as session:
        assert [one.name for one in state.bookmarks.list_of_incident(session, incident.number)] == [
            "Query q1",
            "Her own",
        ]
    with pytest.raises(StateError, match="already in incident 1"):
        bookmarks.promote([first.id], now, "kim")
    with pytest.raises(StateError, match="bookmark 'zz' not found"):
        bookmarks.change("zz", now, "kim", notes="")
    deliver_outbox(lake, state)
    lake.flush()
    text = "HuntingBookmark | summarize arg_max(TimeGenerated, *) by BookmarkId | order by EventTime asc"
    told = lake.query(text)[-1].table.to_pylist()
    assert [(one["BookmarkName"], one["Notes"], one["Tags"]) for one in told] == [
        ("Query q1", "odd", '["case7"]'),
        ("Her own", "hers", '["x"]'),
    ]
    assert json.loads(told[0]["QueryResultRow"])["UserPrincipalName"] == "kim@contoso.com"
    assert told[0]["QueryText"] == query().query
    (row,) = lake.query("SecurityIncident | project Title, Severity, BookmarkIds")[-1].table.to_pylist()
    assert (row["Title"], row["Severity"]) == ("Spray", "High")
    assert set(json.loads(row["BookmarkIds"])) == {first.id, second.id}


@pytest.mark.parametrize(
    ("chosen", "wanted"),
    [
        ({}, ("Query r1", "Medium")),
        ({"severity": "High"}, ("Query r1", "High")),
        ({"title": "Case 7: stolen token", "severity": "Low"}, ("Case 7: stolen token", "Low")),
    ],
)
def test_an_alert_of_the_same_account_joins(
    lake: Lake, state: State, put: Put, chosen: dict[str, str], wanted: tuple[str, str]
) -> None:
    put("SigninLogs", signin(0))
    now = datetime.now(UTC)
    ((_, row),) = HuntingRunner(lake, "default").run_query(query(), OVER, now)
    bookmarks = BookmarkService(IncidentService(state, "default"))
    incident = bookmarks.promote([bookmarks.create(query(), row, OVER, now, "ana").id], now, "ana", **chosen)
    mapping = {
        "entityType": "Account",
        "fieldMappings": [{"identifier": "FullName", "columnName": "UserPrincipalName"}],
    }
    rule = query("r1", kind="Scheduled", queryFrequency="1h", queryPeriod="1h", entityMappings=[mapping])
    (ran,) = Schedule(lake, state, [rule], "default").run_all_rules_once(HOUR + ONE_HOUR, now)
    assert ran.taken.incidents == (incident.number,)
    with state.transaction() as session:
        found = state.incidents.read(session, incident.number)
    assert (found.title, found.severity) == wanted, "what somebody chose stays"


@pytest.mark.full
def test_bookmarks_go_with_a_merge(lake: Lake, state: State, put: Put) -> None:
    put("SigninLogs", signin(0), signin(1, "ana@contoso.com"))
    now = datetime.now(UTC)
    incident_service = IncidentService(state, "default")
    bookmarks = BookmarkService(incident_service)
    kept = [
        bookmarks.create(query(), row, OVER, now, "ana")
        for _, row in HuntingRunner(lake, "default").run_query(query(), OVER, now)
    ]
    first, second = (bookmarks.promote([one.id], now, "ana").number for one in kept)
    incident_service.merge(first, [second], now, "ana")
    with state.transaction() as session:
        assert {one.id for one in state.bookmarks.list_of_incident(session, first)} == {
            one.id for one in kept
        }
        assert state.bookmarks.list_of_incident(session, second) == []


def run(data: Path, *arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, ["--data", str(data), *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == code, result.output
    return result


QUERY = """
id: aaaaaaaa-0000-4000-8000-00000000000a
name: Who deleted locks
tactics: [Impact]
relevantTechniques: [T1485]
query: |
  AzureActivity | where OperationNameValue endswith 'locks/delete' | project TimeGenerated, Caller, CallerIpAddress
"""


@pytest.mark.full
def test_a_hunt_by_command(tmp_path: Path) -> None:
    event = {
        "time": (datetime.now(UTC) - timedelta(minutes=10)).isoformat(),
        "resourceId": "/SUBSCRIPTIONS/11111111-1111-1111-1111-111111111111/RESOURCEGROUPS/RG",
        "operationName": "MICROSOFT.AUTHORIZATION/LOCKS/DELETE",
        "category": "Administrative", "resultType": "Success", "callerIpAddress": "203.0.113.4",
        "identity": {"claims": {"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn": "kim@contoso.com"}},
    }  # fmt: skip
    (tmp_path / "PT1H.json").write_text(json.dumps({"records": [event]}))
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries" / "locks.yaml").write_text(QUERY)
    (tmp_path / "queries" / "wrong.yaml").write_text(
        QUERY.replace("00a", "00b").replace("Caller,", "Nobody,")
    )
    data = tmp_path / "data"
    run(data, "ingest", str(tmp_path / "PT1H.json"))
    folder = ("--queries", str(tmp_path / "queries"))
    found = json.loads(run(data, "hunt", *folder, "-o", "json", code=3).stdout)
    assert [(one["hits"], one["delta"], bool(one["error"])) for one in found] == [
        (1, None, False),
        (0, None, True),
    ]
    run(data, "content", "import", str(tmp_path / "queries"), code=3)
    name = ("--name", "00000000000a")
    assert [one["delta"] for one in json.loads(run(data, "hunt", *name, "-o", "json").stdout)] == [0]
    assert "Who deleted locks" in run(data, "hunt", *name).stdout
    (row,) = json.loads(run(data, "hunt", "run", "aaaaaaaa-0000-4000-8000-00000000000a", "-o", "json").stdout)
    assert row["Caller"] == "kim@contoso.com"
    kept = (
        "hunt",
        "bookmark",
        "aaaaaaaa-0000-4000-8000-00000000000a",
        row["mark"],
        "--note",
        "ask him",
        "--tag",
        "locks",
    )
    id_ = run(data, *kept).stdout.strip()
    run(data, "hunt", "note", id_[:6], "--as", "Kim's locks")
    assert "Kim's locks" in run(data, "hunt", "bookmarks").stdout
    assert "incident 1: Kim's locks" in run(data, "hunt", "promote", id_[:8]).stdout
    (bookmark,) = json.loads(run(data, "hunt", "bookmarks", "-o", "json").stdout)
    assert (bookmark["incident"], bookmark["notes"], bookmark["tags"]) == (1, "ask him", ["locks"])
    assert "Kim's locks" in run(data, "incidents", "list").stdout
    run(data, "incidents", "show", "1")
    run(data, "hunt", "note", id_[:8], "--delete")
    assert "no bookmark" in run(data, "hunt", "bookmarks").stderr


WRONG = [
    (("hunt", "--name", "nothing of the kind"), "no hunting query matches"),
    (("hunt", "run", "nothing of the kind"), "no hunting queries match"),
    (("hunt", "--since", "2026-02-01", "--until", "2026-01-01"), "is empty"),
    (("hunt", "promote", "abc"), "bookmark 'abc' not found"),
    (("hunt", "note", "abc"), "nothing to change"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG, ids=[" ".join(one[0]) for one in WRONG])
def test_what_cannot_be_meant(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    assert said in run(tmp_path / "data", *arguments, code=2).stderr
