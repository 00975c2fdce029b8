"""Analyzers that read logs: what an unmodified built-in makes of them, what is frozen, and what is run again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nephoscope.analyze import api_usage, discovery
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.estate import Estate
from nephoscope.estate.log_queries import DeclaredReads, LogNotReceivedError, UndeclaredTableError
from nephoscope.lake.lake import Lake
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.posture.evaluation import analyzer_results
from nephoscope.posture.evaluation.evaluation_run import evaluate_estate
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope.posture.policies.policy_packs import Packs
from nephoscope.posture.scans.point_in_time_logs import open_frozen_logs
from nephoscope.state import State
from nephoscope_policy.catalog import PolicyCatalog
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.state import ComplianceState

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
MINE, OTHER = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
#: The shipped definition that reads the key as the built-in c8acafaf-3d23-44d1-9624-978ef0f8652c does.
DEFINITION = "1436b3b3-4183-5aec-acfe-086fc31d9bea"


def service(subscription: str = MINE) -> str:
    return f"/subscriptions/{subscription}/resourceGroups/rg/providers/Microsoft.ApiManagement/service/apim"


def operation(name: str, subscription: str = MINE) -> Resource:
    id_ = f"{service(subscription)}/apis/orders/operations/{name}"
    return Resource.of(
        {"id": id_, "name": name, "type": "Microsoft.ApiManagement/service/apis/operations", "properties": {}}
    )


def logged() -> Resource:
    """The service itself, whose logs are to arrive."""
    type_ = "Microsoft.ApiManagement/service"
    return Resource.of({"id": service(), "name": "apim", "type": type_, "properties": {}})


def estate(*names: str) -> Estate:
    return Estate.of([operation(one) for one in names], Coverage.cover_everything())


def call(days: float, name: str = "get", subscription: str = MINE, **more: Any) -> dict[str, Any]:
    """A request some days before NOW."""
    return {
        "TimeGenerated": NOW - timedelta(days=days),
        "_ResourceId": service(subscription).lower(),
        "_SubscriptionId": subscription,
        "ApiId": "orders;rev=2",
        "OperationId": name,
        **more,
    }


def days(name: str, *, missing: int = 0) -> list[dict[str, Any]]:
    """A request of a name on each of 30 days and before them; of the first of these some are missing."""
    return [call(31, name), *(call(back, name) for back in range(30 - missing, 0, -1)), call(0.1, name)]


class Kept:
    """A lake that is written to between evaluations."""

    def __init__(self, data: Path, state: State, lake: Lake) -> None:
        self.data, self.state, self.lake, self.sequence = data, state, lake, 0

    def write(self, *calls: dict[str, Any], table: str = api_usage.LOGS, workspace: str = "default") -> None:
        self.sequence += 1
        place = self.state.workspaces.get(workspace)
        rows = to_arrow_rows(self.lake.tables[table], calls, workspace=place, now=NOW).table
        self.lake.writer().append(
            workspace, {table: rows}, producer=f"test {workspace}", sequence=self.sequence
        )
        self.lake.flush()

    def analyzed(
        self, estate: Estate, now: datetime, before: analyzer_results.PreviousEvaluation | None = None, /
    ) -> analyzer_results.Analysis:
        with open_frozen_logs(self.data, self.state, estate, now) as logs:
            return analyzer_results.run_all_analyzers(estate, now, before, logs)

    def said(self, *names: str, now: datetime = NOW) -> dict[str, tuple[ComplianceState, str]]:
        found = self.analyzed(estate(*names), now).assessments
        return {
            one.resource.rsplit("/", 1)[-1]: (one.state, one.description)
            for one in found
            if one.key == api_usage.USED.id
        }


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    with State.open_folder(tmp_path) as state, Lake.open(tmp_path, state) as lake:
        state.workspaces.set("default", days=3650)
        yield Kept(tmp_path, state, lake)


UNKNOWN = ComplianceState.UNKNOWN
CASES = {
    "no logs at all": ([], UNKNOWN, "rows of ApiManagementGatewayLogs"),
    "called": (
        [call(31), call(3), call(0.1, "other")],
        ComplianceState.COMPLIANT,
        "it was called on 2026-10-29, within 30 days",
    ),
    "called, by young logs": (
        [call(3)],
        ComplianceState.COMPLIANT,
        "it was called on 2026-10-29, within 30 days",
    ),
    "not called": (
        [call(31), *days("other")],
        ComplianceState.NON_COMPLIANT,
        "nobody called it within 30 days",
    ),
    "not called, and three days without logs": (
        days("other", missing=3),
        ComplianceState.NON_COMPLIANT,
        "nobody called it within 30 days",
    ),
    "not called, and four days without logs": (
        days("other", missing=4),
        UNKNOWN,
        f"ApiManagementGatewayLogs of {service().lower()} on 4 of 30 days, such as 2026-10-02",
    ),
    "not called, by young logs": (
        [call(29, "other"), call(0.1, "other")],
        UNKNOWN,
        "30 days of ApiManagementGatewayLogs",
    ),
    "logs that ended": (
        [call(40, "other"), call(5, "other")],
        UNKNOWN,
        "the last row of ApiManagementGatewayLogs",
    ),
    "logs of another service": (
        [
            call(31, "other", _ResourceId=f"{service().lower()}2"),
            call(0.1, "other", _ResourceId=f"{service().lower()}2"),
        ],
        UNKNOWN,
        "rows of ApiManagementGatewayLogs of",
    ),
    "calls of another tenant's service": (
        [call(31, subscription=OTHER), call(0.1, subscription=OTHER)],
        UNKNOWN,
        "rows of",
    ),
    "calls later than now": (
        [*days("other"), call(-1)],
        ComplianceState.NON_COMPLIANT,
        "nobody called it",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_gateway_logs_say(kept: Kept, name: str) -> None:
    calls, state, said = CASES[name]
    if calls:
        kept.write(*calls)
    found = kept.said("get")["get"]
    assert found[0] is state
    assert said in found[1]


def test_without_a_lake_it_is_unknown() -> None:
    found = [
        one
        for one in analyzer_results.run_all_analyzers(estate("get"), NOW).assessments
        if one.key == api_usage.USED.id
    ]
    assert [(one.state, one.description) for one in found] == [
        (UNKNOWN, "rows of logs: no log data is available")
    ]


def test_all_workspaces_are_asked(kept: Kept) -> None:
    kept.state.workspaces.add("soc", days=3650)
    kept.write(call(31, "other"), call(0.1, "other"))
    kept.write(call(2), workspace="soc")
    assert kept.said("get")["get"][0] is ComplianceState.COMPLIANT


def test_a_policy_turns_both_ways(kept: Kept) -> None:
    plan = EvaluationPlan(Packs(kept.data).catalog()).with_assignment(DEFINITION)

    def state(since: Any = None) -> Any:
        return evaluate_estate(estate("get"), plan, NOW, analyzers=kept.analyzed, since=since)

    states = lambda run: [one.state for one in run.assessments]  # noqa: E731
    first = state()
    kept.write(*days("other"))
    second = state(first)
    kept.write(call(2))
    third = state(second)
    assert [states(one) for one in (first, second, third)] == [
        [UNKNOWN],
        [ComplianceState.NON_COMPLIANT],
        [ComplianceState.COMPLIANT],
    ]
    assert list(third.assessments) == list(state().assessments)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the analyzers in the order in which they run."""
    ran: list[str] = []

    def counting(one: discovery.Analyzer) -> discovery.Analyzer:
        def analyze(view: Any) -> Any:
            ran.append(one.name)
            return one.analyze(view)

        return discovery.Analyzer(one.name, one.keys, one.types, one.tables, analyze, one.doc)

    several = tuple(map(counting, discovery.load_analyzers()))
    monkeypatch.setattr("nephoscope.analyze.analyzer_runner.load_analyzers", lambda: several)
    return ran


def test_what_changed_is_run_again_and_nothing_else(kept: Kept, counted: list[str]) -> None:
    plan, world = (
        EvaluationPlan(PolicyCatalog([])),
        Estate.of([operation("get"), logged()], Coverage.cover_everything()),
    )
    first = evaluate_estate(world, plan, NOW, analyzers=kept.analyzed)
    everything = set(counted)

    def again(world: Estate = world, now: datetime = NOW) -> set[str]:
        counted.clear()
        evaluate_estate(world, plan, now, analyzers=kept.analyzed, since=first)
        return set(counted)

    assert again() == set()
    kept.write(call(2))
    assert again() == {"api_usage", "arriving_logs"}
    first = evaluate_estate(world, plan, NOW, analyzers=kept.analyzed)
    kept.write(call(2.1))
    assert again() == set(), "the same day of the last call, and of the newest row"
    kept.write({"TimeGenerated": NOW, "Computer": "c"}, table="Heartbeat")
    assert again() == set()
    assert again(now=NOW + timedelta(hours=1)) == set(), "the answers and the day are the same"
    assert again(now=NOW + timedelta(days=1, hours=12)) == {"api_usage"}, "its last row is too old"
    assert again(now=NOW - timedelta(hours=1)) == {one.name for one in discovery.load_analyzers()}
    assert again(Estate.of([operation("get"), operation("new"), logged()], Coverage.cover_everything())) >= {
        "api_usage",
        "api_authentication",
    }
    assert again(Estate.of([operation("get"), logged()], Coverage({}))) == everything


def rows(kept: Kept, query: str, tables: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    with open_frozen_logs(kept.data, kept.state, estate("get", "put"), NOW) as logs:
        assert logs is not None
        return logs.query(query, DeclaredReads(tables, (api_usage.OPERATION,)))


def test_the_estate_that_is_judged_is_asked_beside_logs(kept: Kept) -> None:
    kept.write(call(2))
    calls = f"{api_usage.LOGS} | summarize n = count() by name = OperationId"
    query = f"Resources | project name, id = tolower(id) | join kind=leftouter ({calls}) on name"
    found = rows(kept, f"{query} | project name, n | order by name asc", (api_usage.LOGS,))
    assert found == [{"name": "get", "n": 1}, {"name": "put", "n": None}]


def test_a_table_that_is_not_declared_is_refused(kept: Kept) -> None:
    kept.write(call(2))
    with pytest.raises(UndeclaredTableError, match="ApiManagementGatewayLogs is not among the TABLES"):
        rows(kept, f"{api_usage.LOGS} | take 1")


@pytest.mark.parametrize(("query", "received"), [("count", False), ("where NoSuchColumn == 1", True)])
def test_a_query_that_fails_is_not_a_table_without_rows(kept: Kept, query: str, received: bool) -> None:
    if received:
        kept.write(call(2))
    with pytest.raises(DataNotCollectedError) as found:
        rows(kept, f"{api_usage.LOGS} | {query}", (api_usage.LOGS,))
    assert isinstance(found.value, LogNotReceivedError) is not received


@pytest.mark.full
def test_rows_that_come_in_meanwhile_are_of_the_next_evaluation(kept: Kept) -> None:
    kept.write(call(2))
    declared = DeclaredReads((api_usage.LOGS,), ())
    with open_frozen_logs(kept.data, kept.state, estate("get"), NOW) as logs:
        assert logs is not None
        before = logs.query(f"{api_usage.LOGS} | count", declared)
        kept.write(call(1))
        assert logs.query(f"{api_usage.LOGS} | summarize n = count()", declared) == [
            {"n": before[0]["Count"]}
        ]


def test_indicators_are_of_no_subscription_and_are_read_all_the_same(kept: Kept) -> None:
    """Rows of logs that name none stay unread: they may be of another tenant."""
    kept.write(
        {"TimeGenerated": NOW, "Id": "i", "ObservableValue": "198.51.100.9"}, table="ThreatIntelIndicators"
    )
    kept.write(call(2), call(2, _SubscriptionId="", _ResourceId=""), call(2, subscription=OTHER))
    query = "ThreatIntelIndicators | project ObservableValue"
    assert rows(kept, query, ("ThreatIntelIndicators",)) == [{"ObservableValue": "198.51.100.9"}]
    assert rows(kept, f"{api_usage.LOGS} | count", (api_usage.LOGS,)) == [{"Count": 1}]


def test_a_workspace_that_shows_other_subscriptions_alone_keeps_nothing_from_being_read(kept: Kept) -> None:
    kept.state.workspaces.add("customer")
    kept.state.workspaces.set("customer", subscriptions=[OTHER])
    kept.write(call(2))
    kept.write(call(2, subscription=OTHER), workspace="customer")
    assert rows(kept, f"{api_usage.LOGS} | count", (api_usage.LOGS,)) == [{"Count": 1}]
    assert kept.said("get")["get"][0] is ComplianceState.COMPLIANT


@pytest.mark.full
def test_workspaces_that_share_some_subscriptions_are_read_together(kept: Kept) -> None:
    """Of each workspace those rows are read that it shows, whether it shows all, some or others."""
    third = "33333333-3333-4333-8333-333333333333"
    for name, shown in (("soc", [MINE, third]), ("customer", [OTHER, MINE]), ("neither", [third])):
        kept.state.workspaces.add(name, days=3650)
        kept.state.workspaces.set(name, subscriptions=shown)
        kept.write(call(2, name), call(2, f"{name}-other", OTHER), workspace=name)
    kept.write(call(2, "default"))
    both = Estate.of([operation("get"), operation("get", OTHER)], Coverage.cover_everything())
    query = f"{api_usage.LOGS} | distinct OperationId | order by OperationId asc"
    declared = DeclaredReads((api_usage.LOGS,), ())
    with open_frozen_logs(kept.data, kept.state, both, NOW) as logs:
        assert logs is not None
        found = [one["OperationId"] for one in logs.query(query, declared)]
        calls = logs.aggregate(api_usage._CALLS, declared)
    assert found == ["customer", "customer-other", "default", "soc"]
    assert sorted(str(one["Operation"]) for one in calls if one["Called"]) == found
