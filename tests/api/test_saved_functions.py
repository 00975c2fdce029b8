"""Saved searches with an alias: functions of the workspace's queries, within what the caller of the query may read."""

from __future__ import annotations

import pytest

from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope_kql.catalog import StoredFunction

V = "api-version=2020-08-01"
ROOT = (
    "/subscriptions/{}/resourceGroups/rg/providers/Microsoft.OperationalInsights/workspaces/{}/savedSearches"
)
GIVEN = {
    "category": "SOC",
    "displayName": "Of callers",
    "query": "AzureActivity | where Level != '' | summarize n = count()",
}


@pytest.fixture(scope="module")
def mine(subscriptions):
    return subscriptions["sub-bwf-erp-prod"]


@pytest.fixture(scope="module", autouse=True)
def rows(instance, subscriptions, mine):
    """Three rows, two of them of `mine`."""
    instance.state.workspaces.add("other")
    ids = [mine, mine, subscriptions["sub-bwf-sandbox"]]
    records = [
        {"TimeGenerated": instance.now, "Level": str(place), "_SubscriptionId": one}
        for place, one in enumerate(ids)
    ]
    place = instance.state.workspaces.get()
    made = to_arrow_rows(
        instance.lake.tables["AzureActivity"], records, workspace=place, now=instance.now
    ).table
    instance.lake.writer().append("default", {"AzureActivity": made}, producer="test", sequence=1)
    instance.lake.flush()


@pytest.fixture
def put(server, owner, mine):
    """Puts a search, and deletes it behind the test."""
    made = []

    def put(name, query="print 1", alias="", parameters="", workspace="default", status=200):
        path = f"{ROOT.format(mine, workspace)}/{name}?{V}"
        properties = {**GIVEN, "query": query, "functionAlias": alias, "functionParameters": parameters}
        told = server.put(path, headers=owner, json={"properties": properties})
        assert told.status_code == status, told.text
        made.append(path)
        return told.json()

    yield put
    for path in made:
        server.delete(path, headers=owner)


@pytest.fixture
def ask(server, owner):
    """The rows of a query, or the message of its innermost error."""

    def ask(query, headers=owner, workspace="default"):
        told = server.post(f"/v1/workspaces/{workspace}/query", headers=headers, json={"query": query}).json()
        if "error" not in told:
            return told["tables"][0]["rows"]
        error = told["error"]
        while "innererror" in error:
            error = error["innererror"]
        return error["message"]

    return ask


def test_it_is_called_with_its_parameters_and_their_defaults(put, ask, server, owner, mine):
    query = "T | where toint(Level) >= least | extend who = who | project Level, who | order by Level asc"
    parameters = "T:(Level:string), least:int, who:string='all'"
    body = put("levels", query, "AtLeast", parameters)
    assert (body["properties"]["functionAlias"], body["properties"]["functionParameters"]) == (
        "AtLeast",
        parameters,
    )
    assert server.get(f"{ROOT.format(mine, 'default')}/levels?{V}", headers=owner).json() == body
    assert ask("AtLeast(AzureActivity, 1)") == [["1", "all"], ["2", "all"]]
    assert ask("AzureActivity | invoke AtLeast(2, 'me')") == [["2", "me"]]
    assert "least" in ask("AtLeast(AzureActivity)")


def test_a_value_and_a_table_without_brackets(put, ask):
    put("twice", "2 * x", "Twice", "x:long")
    put("all", "AzureActivity | project Level", "Levels")
    assert ask("Levels | summarize n = count() | extend m = Twice(n)") == [[3, 6]]


def test_it_reads_what_the_query_that_calls_it_may_read(put, ask, token, mine):
    put("all", "AzureActivity | summarize n = count()", "Counted")
    reader = {"Authorization": f"Bearer {token(('Reader', f'/subscriptions/{mine}'))}"}
    assert (ask("Counted"), ask("Counted", reader)) == ([[3]], [[2]])
    assert "Counted" in ask("Counted", workspace="other"), "it is of its own workspace"
    assert ask("workspace('default').Counted", workspace="other") == [[3]]


def test_a_change_holds_from_the_next_query_on(put, ask, server, owner, mine):
    put("all", "print x = 1", "Changing")
    assert ask("Changing") == [[1]]
    put("all", "print x = 2", "Changing")
    assert ask("Changing") == [[2]]
    put("all", "print x = 2", "Renamed")
    assert ask("Renamed") == [[2]]
    assert "Changing" in ask("Changing")
    assert "functionAlias" not in put("all", "print x = 2")["properties"]
    assert "Renamed" in ask("Renamed")
    put("all", "print x = 3", "Changing")
    assert server.delete(f"{ROOT.format(mine, 'default')}/all?{V}", headers=owner).status_code == 200
    assert "Changing" in ask("Changing")


@pytest.mark.parametrize(
    "alias", ["AzureActivity", "azureactivity", "_ActivityDone", "strcat", "count", "Kept", "theirs"]
)
def test_a_name_that_is_taken_is_refused(put, instance, alias):
    put("theirs", alias="Theirs")
    instance.lake.functions.save("default", StoredFunction("Kept", "print 1"))
    told = put("mine", alias=alias, status=409)
    assert told["error"]["target"] == "properties.functionAlias"
    put("theirs", "print 2", "Theirs")
    put("elsewhere", alias="Theirs", workspace="other")


@pytest.mark.parametrize(
    "alias",
    ["ago", "AGO", "now", "prev", "next", "row_number", "column_ifexists", "materialize", "toscalar", "ingestion_time", "pack_all",
     "typeof", "_GetWatchlist", "percentiles", "table", "workspace", "database", "datatable", "print", "let", "union", "where",
     "search", "find", "range", "externaldata"],
)  # fmt: skip
def test_no_name_of_the_language_is_taken(server, owner, mine, alias, ask):
    properties = {**GIVEN, "query": "datetime(2099-01-01)", "functionAlias": alias, "functionParameters": "t:timespan"}  # fmt: skip
    told = server.put(
        f"{ROOT.format(mine, 'default')}/words?{V}", headers=owner, json={"properties": properties}
    )
    assert told.status_code in (400, 409), told.text
    assert "functionAlias" in told.text
    assert ask("print now() > ago(1h)") == [[True]]


@pytest.mark.full
def test_functions_that_double_are_refused_before_they_take_long(put, server, owner, mine):
    put("x0", "AzureActivity", "X0")

    def kept_at_all(name, query, alias):
        path = f"{ROOT.format(mine, 'default')}/{name}?{V}"
        body = {"properties": {**GIVEN, "query": query, "functionAlias": alias}}
        told = server.put(path, headers=owner, json=body)
        assert told.status_code == 200 or "too large" in told.text
        return told.status_code == 200

    several = [(f"x{one}", f"union X{one - 1}, X{one - 1}", f"X{one}") for one in range(1, 30)]
    kept = next(at for at, one in enumerate(several) if not kept_at_all(*one))
    for name, _, _ in several[:kept]:
        server.delete(f"{ROOT.format(mine, 'default')}/{name}?{V}", headers=owner)
    assert kept > 5


def test_one_that_calls_itself_is_refused(put, ask, instance):
    told = put("a", "A1 | take 1", "A1", status=400)["error"]
    assert (told["code"], told["target"]) == ("FunctionCallsItself", "properties.query")
    put("a", "AzureActivity | take 1", "A1")
    put("b", "let f = () { A1 | take 2 }; f()", "B1", "n:long, T:(*)")
    told = put("a", "B1(1, AzureActivity) | union AzureActivity", "A1", status=400)["error"]
    assert "A1 calls itself: A1 -> B1 -> A1" in told["message"]
    with instance.state.transaction() as session:
        (known,) = [
            one for one in instance.state.saved_queries.list_shared("default") if "A1" not in one.query
        ]
        instance.state.saved_queries.share(
            session, "default", known.id, known.name, "B1(1, AzureActivity)", "x", "x"
        )
    assert "calls itself: B1 -> A1 -> B1" in ask("B1(1, AzureActivity)"), "one that came about otherwise"


def test_one_of_a_table_that_is_not_there_yet_is_kept(put, ask):
    put("later", "Later_CL | take n", "OfLater", "n:long=1")
    assert "Later_CL" in ask("OfLater")


def test_a_search_that_is_private_is_no_function(put, ask, instance):
    put("all", "print x = 1", "Mine")
    (kept,) = [
        one for one in instance.state.saved_queries.list_shared("default") if one.query == "print x = 1"
    ]
    with instance.state.transaction() as session:
        args = (session, "default", kept.name, kept.query, kept.owner, kept.author)
        instance.state.saved_queries.put(*args, shared=False)
    assert "Mine" in ask("Mine")
