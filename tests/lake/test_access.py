"""A principal of one subscription sees no other row, whatever reads the table.

Every source of rows meets every operator. A query that the principal asks of a lake that holds all rows must give what it gives of a
lake that holds the principal's rows alone: not a row, a count, a column or an error of others shows through.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import get_args

import pytest
import yaml

from nephoscope.lake.lake import Lake
from nephoscope.lake.queries.estate_scope import ReachesWithin, grant_full_reach
from nephoscope.lake.queries.principal_scope import EVERYTHING, LakeScope
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.posture.published.build_info import BuildInfo
from nephoscope.posture.published.document import PublishedDocument
from nephoscope.posture.published.publishing import publish_documents
from nephoscope.resource_graph import open_lake_with_estate
from nephoscope.state import State
from nephoscope_kql import KqlError
from nephoscope_kql.binder.built_in_calls import TABULAR_CALLS, WINDOWS
from nephoscope_kql.binder.environment import CALLS
from nephoscope_kql.catalog import MemoryCatalog, StoredFunction
from nephoscope_kql.compile import compile_query
from nephoscope_kql.parser import OPERATORS
from nephoscope_kql.parser.expressions import LISTS
from nephoscope_kql.plan.relations import JoinKind
from nephoscope_kql.plugin_registry import load_plugins
from nephoscope_kql.registry import load_aggregates, load_callable_functions

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
MINE, OTHER = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
SCOPE = LakeScope(frozenset({MINE}), estate=ReachesWithin(grant_full_reach, frozenset({MINE})))
TABLES = ("Syslog", "Event")

CASES = yaml.load(Path(__file__).with_name("access.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)
SOURCES, OPERATIONS, PLUGINS, FUNCTIONS = (
    CASES[name] for name in ("sources", "operators", "plugins", "functions")
)
EVERY = {**OPERATIONS, **PLUGINS, **FUNCTIONS}
MACHINES = """Resources | project Computer = name, HostName = tostring(parse_json(tags).owner),
ProcessID = toint(parse_json(properties).number), TimeGenerated = todatetime(parse_json(properties).since)"""
PRELUDE = """let Rows = view () { Syslog | where ProcessID >= 0 };
let Made = (least: long) { Syslog | where ProcessID >= least - 1 }; """
NOT_HERE = {
    "app": "app('here').Syslog",
    "resource": "resource('here').Syslog",
    "external_table": "external_table('Syslog')",
}
"""What stands for rows in other products and has none here: it is not running, so that it gives no row of others."""


def rows(*, all_rows: bool) -> list[dict]:
    found = []
    for n in range(12):
        mine = n % 3 == 0
        if mine or all_rows:
            owner = MINE if mine else (OTHER if n % 3 == 1 else "")
            found.append(
                {
                    "TimeGenerated": NOW - dt.timedelta(hours=n),
                    "Computer": f"m{n}" if mine else f"secret{n}",
                    "HostName": "alice" if mine else "bob",
                    "ProcessID": n if mine else 1000 + n,
                    "_SubscriptionId": owner,
                    **({} if mine else {"Leak": {"secret": n}}),
                }
            )
    return found


def assessed(data: Path, *, all_rows: bool) -> None:
    """Publish an estate of machines that are called as those that write logs."""
    found = []
    for row in rows(all_rows=all_rows):
        below = f"/subscriptions/{row['_SubscriptionId']}/resourceGroups/g" if row["_SubscriptionId"] else ""
        body = {
            "id": f"{below}/providers/Microsoft.Compute/virtualMachines/{row['Computer']}",
            "name": row["Computer"],
            "type": "Microsoft.Compute/virtualMachines",
            "tags": {"owner": row["HostName"]},
            "properties": {"number": row["ProcessID"], "since": row["TimeGenerated"].isoformat()},
        }
        found += [(PublishedDocument.of(body), table) for table in ("resources", "securityresources")]
    made = BuildInfo(NOW, "", len(found), None, 0, 0, {}, (), {}, (), (), 0, {MINE: "mine"}, {})
    publish_documents(data, found, made)


def filled(data: Path, state: State, *, all_rows: bool) -> Lake:
    assessed(data, all_rows=all_rows)
    lake = open_lake_with_estate(data, state)
    state.workspaces.add("other", days=3650)
    state.workspaces.set("default", days=3650)
    for workspace in ("default", "other"):
        place, found = state.workspaces.get(workspace), rows(all_rows=all_rows)
        tables = {
            name: to_arrow_rows(lake.tables[name], found, workspace=place, now=NOW).table for name in TABLES
        }
        lake.writer().append(workspace, tables, producer=workspace, sequence=0)
        lake.functions.save(workspace, StoredFunction("Stored", "Syslog | where ProcessID >= 0"))
        lake.functions.save(workspace, StoredFunction("Machines", MACHINES))
    lake.functions.save(
        "default", StoredFunction("Picked", "T | where isnotempty(Computer)", "T: (Computer: string)")
    )
    lake.watchlists.save("default", "Hosts", "Host", [{"Host": "alice"}, {"Host": "bob"}] if all_rows else [])
    lake.flush()
    return lake


@pytest.fixture(scope="module")
def lakes(tmp_path_factory: pytest.TempPathFactory):
    found, states = [], []
    for all_rows in (True, False):
        data = tmp_path_factory.mktemp("access") / "data"
        states.append(State.open_folder(data))
        found.append(filled(data, states[-1], all_rows=all_rows))
    yield tuple(found)
    for lake, state in zip(found, states, strict=True):
        lake.close()
        state.close()


def answer(lake: Lake, text: str, scope: LakeScope) -> object:
    """All rows of all results, in no order; or the error."""
    try:
        results = lake.query(PRELUDE + text, scope=scope, now=NOW)
    except KqlError as error:
        return error.message
    return [(one.name, one.table.column_names, sorted(map(repr, one.table.to_pylist()))) for one in results]


def query(source: str, operation: str) -> str:
    if source.startswith("(set "):
        option, rest = source[1:-1].split("; ", 1)
        return f"{option}; {rest} {operation}"
    return f"{source} {operation}"


def same(lakes: tuple[Lake, Lake], text: str) -> bool:
    """Whether the query gives the principal the same of both lakes, and everybody something else of the first."""
    whole, own = lakes
    seen = answer(whole, text, SCOPE)
    assert not isinstance(seen, str), f"{text}: {seen}"
    assert seen == answer(own, text, SCOPE), text
    assert "secret" not in repr(seen), text
    assert "bob" not in repr(seen), text
    return seen != answer(whole, text, EVERYTHING)


def first_words(cases: Iterable[str]) -> set[str]:
    return {name.split()[0] for name in cases}


def test_every_operator_that_reads_is_here() -> None:
    assert first_words(OPERATIONS) - {"cross"} | {"evaluate", "reduce"} == set(OPERATORS)


def test_every_kind_of_join_is_here() -> None:
    assert {name.split()[1] for name in OPERATIONS if name.startswith("join ")} == set(get_args(JoinKind))


def test_an_operator_that_is_not_here_does_not_run(lakes: tuple[Lake, Lake]) -> None:
    assert answer(lakes[0], "Syslog | reduce by HostName", SCOPE) == "the operator reduce"


def test_every_plugin_is_here() -> None:
    assert set(PLUGINS) == {
        name for name, one in load_plugins().items() if one.bind is not None and not one.is_internal
    }


@pytest.mark.parametrize("name", sorted(name for name, one in load_plugins().items() if one.bind is None))
def test_a_plugin_that_is_not_here_does_not_run(lakes: tuple[Lake, Lake], name: str) -> None:
    assert f"the plugin {name}" in str(answer(lakes[0], f"Syslog | evaluate {name}()", SCOPE))


def test_everything_that_stands_for_rows_is_here() -> None:
    called = {name for name in TABULAR_CALLS if any(f"{name}(" in text for text in SOURCES.values())}
    assert called | set(NOT_HERE) | {"_GetWatchlist"} == TABULAR_CALLS


@pytest.mark.parametrize("name", NOT_HERE)
def test_what_is_not_here_gives_no_rows(lakes: tuple[Lake, Lake], name: str) -> None:
    assert isinstance(answer(lakes[0], NOT_HERE[name], EVERYTHING), str)


class Asked(dict):
    """Tables that note whether the rows of Event were asked for."""

    event = False

    def get(self, name: str, default: object = None) -> object:
        self.event |= name == "Event"
        return super().get(name, default)


def reads_rows(name: str) -> bool:
    """Whether a function reads rows that it is given as an argument."""
    tables = Asked(MemoryCatalog.of({table: [("ProcessID", "long")] for table in TABLES}).tables)
    asks = "Syslog | summarize x = {}({})" if name in load_aggregates() else "print x = {}({})"
    for before, after in itertools.product(range(3), range(2)):
        arguments = ["1"] * before + ["(Event | project ProcessID)"] + ["1"] * after
        tables.event = False
        with suppress(KqlError):
            compile_query(asks.format(name, ", ".join(arguments)), MemoryCatalog(tables))
            if tables.event:
                return True
    return False


def test_every_function_that_reads_rows_is_here() -> None:
    known = {*load_callable_functions(), *CALLS, *WINDOWS, *load_aggregates()}
    assert first_words(FUNCTIONS) == {name for name in known if reads_rows(name)} | LISTS


def differing(lakes: tuple[Lake, Lake], pairs: list[tuple[str, str]]) -> None:
    told = sum(same(lakes, query(SOURCES[source], operation)) for source, operation in pairs)
    assert told > len(pairs) * 3 // 4, "the queries hardly depend on the rows of others"


def some_pairs(every: int) -> list[tuple[str, str]]:
    """Each operation once, or one in so many; each source a few times."""
    return list(zip(itertools.cycle(SOURCES), list(EVERY.values())[::every], strict=False))


@pytest.mark.parametrize("every", [12, pytest.param(1, marks=pytest.mark.full)])
def test_a_scope_holds_in_some_queries(lakes: tuple[Lake, Lake], every: int) -> None:
    differing(lakes, some_pairs(every))


@pytest.mark.full
@pytest.mark.parametrize("source", SOURCES)
def test_a_scope_holds_in_every_query(lakes: tuple[Lake, Lake], source: str) -> None:
    differing(lakes, [(source, operation) for operation in EVERY.values()])


def test_watchlists_belong_to_no_subscription(lakes: tuple[Lake, Lake]) -> None:
    text = "_GetWatchlist('Hosts') | project SearchKey"
    assert answer(lakes[0], text, SCOPE) == [("", ["SearchKey"], [])]
    assert len(answer(lakes[0], text, EVERYTHING)[0][2]) == 2


@pytest.mark.parametrize(
    "text", ["_GetWatchlistAlias", "_GetWatchlist('Hosts') | getschema | project ColumnName"]
)
def test_names_and_columns_of_watchlists_do_not_show(lakes: tuple[Lake, Lake], text: str) -> None:
    assert "Host" in repr(answer(lakes[0], text, EVERYTHING))
    for scope in (SCOPE, LakeScope(frozenset({OTHER}), frozenset({"default"})), LakeScope(frozenset())):
        assert "Host" not in repr(answer(lakes[0], text, scope))
    nobody = text.replace("Hosts", "nobody")
    assert answer(lakes[0], text, SCOPE) == answer(lakes[0], nobody, SCOPE)


def test_a_cached_result_is_its_principals(lakes: tuple[Lake, Lake]) -> None:
    text = "set query_results_cache_max_age = 1h; Syslog | count"

    def counts(scope: LakeScope) -> object:
        return lakes[0].query(text, scope=scope)[0].table.to_pylist()

    assert counts(EVERYTHING) == counts(EVERYTHING) == [{"Count": 12}]
    assert counts(SCOPE) == counts(SCOPE) == [{"Count": 4}]
    assert counts(LakeScope(frozenset({OTHER}))) == [{"Count": 4}]
    assert lakes[0].query(text, scope=SCOPE)[0] is lakes[0].query(text, scope=SCOPE)[0]


ARM = "/subscriptions/s/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/"
CLUSTER = f"cluster('https://ade.loganalytics.io{ARM}other').database('other')"


@pytest.mark.parametrize(
    "text",
    [
        *(
            f"{place}.{what}"
            for place in ("workspace('other')", "database('other')", f"database('{ARM}other')", CLUSTER)
            for what in ("Syslog", "Stored()")
        ),
        "workspace('default').database('other').Syslog",
        "union workspace('other').Sys*",
        "union database('other').Sys*",
        f"union {CLUSTER}.Sys*",
        "alias database Mine = database('other'); database('Mine').Syslog",
    ],
)
def test_a_workspace_outside_of_the_scope_is_not_there(lakes: tuple[Lake, Lake], text: str) -> None:
    scope = LakeScope(frozenset({MINE}), frozenset({"default"}))
    assert isinstance(answer(lakes[0], text, scope), str)
    assert not isinstance(answer(lakes[0], text.replace("other", "default"), scope), str)


@pytest.mark.parametrize(
    "place",
    [
        "database('nowhere')",
        "database('')",
        "database('*')",
        "cluster('help')",
        "cluster('other').database('other')",
        "cluster('other')",
        f"cluster('https://help.kusto.windows.net{ARM}other').database('other')",
        f"cluster('https://ade.loganalytics.io{ARM}other').database('default')",
        "database('other').database('nowhere')",
    ],
)
def test_a_place_that_is_none_is_an_error_with_its_place(lakes: tuple[Lake, Lake], place: str) -> None:
    with pytest.raises(KqlError, match="not found, or not accessible") as told:
        lakes[0].query(f"print 1;\n{place}.Syslog", scope=EVERYTHING, now=NOW)
    assert (told.value.line, told.value.column > 0) == (2, True)


def test_a_cluster_has_no_tables_but_those_of_its_database(lakes: tuple[Lake, Lake]) -> None:
    found = answer(lakes[0], f"{CLUSTER.partition('.database')[0]}.Syslog", EVERYTHING)
    assert isinstance(found, str)


@pytest.mark.parametrize(
    "place", ["lake/default/Syslog", "lake/default/Syslog/_delta_log/00000000000000000000.json", "state.db"]
)
def test_externaldata_does_not_reach_the_data_folder(lakes: tuple[Lake, Lake], place: str) -> None:
    folder = lakes[0]._data
    found = answer(
        lakes[0], f"externaldata(line: string) [@'{folder / place}'] with (format='txt')", EVERYTHING
    )
    assert "may not read" in str(found)


GRAPH = (
    "Resources",
    "resources",
    'arg("").RESOURCES',
    "workspace('other').Resources",
    "table('Resources')",
    "Machines()",
)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("text", GRAPH)
@pytest.mark.parametrize(
    ("scope", "seen"),
    [
        (EVERYTHING, 12),
        (SCOPE, 4),
        (LakeScope(), 0),
        (EVERYTHING.restrict(frozenset({OTHER.upper()})), 4),
        (SCOPE.restrict(frozenset({OTHER})), 0),
    ],
    ids=["everything", "mine", "untold", "narrowed", "another's"],
)
def test_the_estate_shows_what_is_reached(
    lakes: tuple[Lake, Lake], text: str, scope: LakeScope, seen: int
) -> None:
    assert len(answer(lakes[0], text, scope)[0][2]) == seen


def test_a_workspace_of_some_subscriptions_shows_their_estate_alone(
    lakes: tuple[Lake, Lake], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    with State.open_folder(data) as state, filled(data, state, all_rows=True) as lake:
        state.workspaces.add("own", days=30, subscriptions=[MINE])
        for text in (
            "Resources | count",
            "SecurityResources | count",
            "workspace('default').Resources | count",
        ):
            (found,) = lake.query(text, workspace="own", now=NOW)
            assert found.table.to_pylist() == [{"Count": 12 if "default" in text else 4}], text


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Resource | count", "Resources"),
        ("authorizationresource", "AuthorizationResources"),
        ('arg("").Resourcs', "Resources"),
        ("SigninLog | count", "SigninLogs"),
        ("workspace('other').SigninLog", "SigninLogs"),
        ("table('SiginLogs')", "SigninLogs"),
        ("Xyzzy", ""),
    ],
)
def test_a_misspelt_table_is_named(lakes: tuple[Lake, Lake], text: str, meant: str) -> None:
    with pytest.raises(KqlError) as told:
        lakes[0].query(text, now=NOW)
    assert told.value.hint == (f"did you mean '{meant}'?" if meant else "")


def test_a_table_of_the_estate_is_not_among_all_tables(lakes: tuple[Lake, Lake]) -> None:
    found = answer(lakes[0], "union withsource = Where * | distinct Where", EVERYTHING)
    assert "Resources" not in repr(found)


def test_results_that_read_the_estate_are_not_kept(lakes: tuple[Lake, Lake]) -> None:
    text = "set query_results_cache_max_age = 1h; Resources | count"
    assert lakes[0].query(text)[0].table.to_pylist() == [{"Count": 12}]
    assert lakes[0].query(text, scope=SCOPE)[0].table.to_pylist() == [{"Count": 4}]


def test_one_evaluation_is_read_until_the_end(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with (
        State.open_folder(data) as state,
        filled(data, state, all_rows=True) as lake,
        lake.catalog() as catalog,
    ):
        before = catalog.find_table("Resources")
        assert before is not None
        assessed(data, all_rows=False)
        assert catalog.find_table("SecurityResources") is not None
        paths = [catalog.scan(one).paths() for one in sorted(catalog.list_relations())]
        with catalog.with_newest_versions() as later:
            later.find_table("Resources")
            assert [later.scan(one).paths() for one in later.list_relations()] != paths[:1]
        assert catalog.pin_graph().version == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("AdvisorResources | count", "nothing is read into AdvisorResources here"),
        ("arg('x').Resources", "not found, or not accessible"),
        ("arg('').Syslog", "no table, function or variable is named 'Syslog'"),
    ],
)
def test_what_is_not_in_the_estate_is_told(lakes: tuple[Lake, Lake], text: str, said: str) -> None:
    assert said in str(answer(lakes[0], text, EVERYTHING))


def test_an_estate_that_nobody_assessed_is_no_empty_one(tmp_path: Path) -> None:
    with (
        State.open_folder(tmp_path / "data") as state,
        open_lake_with_estate(tmp_path / "data", state) as lake,
    ):
        assert "no resources were assessed yet" in str(answer(lake, "print 1; Resources", EVERYTHING))
