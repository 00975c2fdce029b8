"""Kusto: what a request gives beside its text, and the commands that clients ask first."""

from __future__ import annotations

import json

import pytest

from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.lake.schema.table import LakeTable
from nephoscope.lake.schema.tables import import_tables
from nephoscope_kql.catalog import StoredFunction
from nephoscope_kql.types import KqlType

QUERY, MGMT = "/v1/rest/query", "/v1/rest/mgmt"


def ask(server, headers, text, path=QUERY, db="default", **properties):
    told = server.post(path, headers=headers, json={"db": db, "csl": text, "properties": properties})
    return told.status_code, told.json()


def rows(server, headers, text, path=QUERY, db="default", **properties):
    status, body = ask(server, headers, text, path, db, **properties)
    assert status == 200, body
    return body["Tables"][0]["Rows"]


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    [
        ("string", "adm", "adm"),
        ("string", "x'); print secret = ('", "x'); print secret = ('"),
        ("long", "5", 5),
        ("long", 5, 5),
        ("int", "-5", -5),
        ("real", "1", 1.0),
        ("bool", "true", 1),
        ("bool", True, 1),
        ("datetime", "datetime(2020-01-02)", "2020-01-02T00:00:00Z"),
        ("datetime", "2020-01-02 03:04", "2020-01-02T03:04:00Z"),
        ("timespan", "1.02:03:04", "1.02:03:04"),
        ("dynamic", "dynamic([1,'a'])", [1, "a"]),
        ("dynamic", {"a": 1}, {"a": 1}),
        ("guid", "74be27de-1e4e-49d9-b579-fe0b331d3642", "74be27de-1e4e-49d9-b579-fe0b331d3642"),
    ],
)
def test_a_query_parameter(server, owner, kind, value, wanted):
    text = f"declare query_parameters(a: {kind}); print a"
    ((found,),) = rows(server, owner, text, Parameters={"a": value})
    assert found == wanted


@pytest.mark.parametrize(
    ("kind", "value"),
    [("long", "5); print (7"), ("long", "abc"), ("long", "'abc'"), ("int", "1.5"), ("datetime", "x"),
     ("datetime", "now()"), ("bool", "nope"), ("dynamic", "1); print dynamic(2"), ("guid", "x")],
)  # fmt: skip
def test_a_value_of_another_type_is_refused(server, owner, kind, value):
    status, body = ask(
        server, owner, f"declare query_parameters(a: {kind}); print a", Parameters={"a": value}
    )
    assert (status, body["error"]["code"]) == (400, "BadRequest_SyntaxError")
    assert f"'a' is no {kind}" in body["error"]["@message"]


def test_a_default_holds_where_no_value_is_given(server, owner):
    text = "declare query_parameters(a: long = 3, b: string); print a, b"
    assert rows(server, owner, text, Parameters={"b": "x", "other": "y"}) == [[3, "x"]]


@pytest.mark.parametrize("moment", ["2020-01-02", "datetime(2020-01-02)", "2020-01-02T00:00:00Z"])
def test_query_now(server, owner, moment):
    options = {"query_now": moment}
    assert rows(server, owner, "print now()", Options=options) == [["2020-01-02T00:00:00Z"]]
    text = "set query_now = datetime(2021-01-01); print now()"
    assert rows(server, owner, text, Options=options) == [["2021-01-01T00:00:00Z"]], (
        "the text holds before it"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [("query_now", "nope"), *(("query_take_max_records", one) for one in ("x", -1, "-1", 0))],
)
def test_a_value_that_an_option_cannot_have_is_refused(server, owner, name, value):
    status, body = ask(server, owner, "range i from 1 to 9 step 1", Options={name: value})
    assert (status, name in body["error"]["@message"]) == (400, True), body


def test_the_options_as_the_text_of_json(server, owner):
    sent = json.dumps(
        {"Options": {"query_take_max_records": 5, "servertimeout": "0:01:00"}, "Parameters": {}}
    )
    body = {"db": "default", "csl": "range i from 1 to 100 step 1", "properties": sent}
    assert len(server.post(QUERY, headers=owner, json=body).json()["Tables"][0]["Rows"]) == 5


def test_truncation(server, owner):
    text = "range i from 1 to 100 step 1"
    status, body = ask(server, owner, text, Options={"truncationmaxrecords": 99})
    assert (status, body["error"]["code"]) == (400, "E_QUERY_RESULT_SET_TOO_LARGE")
    assert len(rows(server, owner, text, Options={"truncationmaxrecords": 100})) == 100
    assert len(rows(server, owner, text, Options={"truncationmaxrecords": 1, "notruncation": True})) == 100


def test_a_timeout_of_the_request(server, owner):
    many = "range a from 1 to 3000000 step 1 | extend b = a % 7"
    slow = f"{many} | join kind=inner ({many}) on b | count"
    status, body = ask(server, owner, slow, Options={"servertimeout": "00:00:00.2"})
    assert status == 400, body


@pytest.mark.parametrize(
    "options",
    [{"servertimeout": "soon"}, {"servertimeout": 4}, {"truncationmaxrecords": "many"}, {"truncationmaxsize": 0}],
)  # fmt: skip
def test_an_option_that_cannot_be_meant(server, owner, options):
    status, body = ask(server, owner, "print 1", Options=options)
    assert (status, body["error"]["code"]) == (400, "BadRequest_InvalidRequestProperties")


@pytest.mark.parametrize("sent", ["{", "[1]", [1], {"Options": 5}, {"Parameters": [1]}])
def test_properties_that_are_none(server, owner, sent):
    told = server.post(QUERY, headers=owner, json={"db": "default", "csl": "print 1", "properties": sent})
    assert (told.status_code, told.json()["error"]["code"]) == (400, "BadRequest_InvalidRequestProperties")


def test_what_kusto_does_not_know_changes_nothing_and_is_told(server, owner):
    body = {"db": "default", "csl": "print 1", "properties": {"Options": {"nosuch": 1, "querytrace": True}}}
    frames = server.post("/v2/rest/query", headers=owner, json=body).json()
    told = next(one for one in frames if one.get("TableKind") == "QueryCompletionInformation")["Rows"]
    assert [(level, text) for _, level, _, text in told] == [
        (4, "The option nosuch is not known: it changes nothing"),
        (4, "Query completed"),
    ]


@pytest.fixture(scope="module")
def filled(instance):
    """A workspace with rows and a function."""
    instance.state.workspaces.add("w-1")
    instance.lake.functions.save("w-1", StoredFunction("Twice", "print 2 * a", "a: long"))
    instance.doors.for_workspace("w-1")


@pytest.mark.parametrize("db", ["", "NetDefaultDB", None])
def test_without_a_database(server, owner, filled, db):
    body = {"csl": ".show databases"} if db is None else {"db": db, "csl": ".show databases"}
    told = server.post(MGMT, headers=owner, json=body)
    assert told.status_code == 200
    assert {"default", "w-1"} <= {row[0] for row in told.json()["Tables"][0]["Rows"]}


def test_without_a_database_it_is_the_first_that_may_be_read(server, token, filled):
    headers = {"Authorization": f"Bearer {token(('Reader', '/workspaces/w-1'))}"}
    assert [row[:1] for row in rows(server, headers, ".show databases", MGMT, "")] == [["w-1"]]
    assert ask(server, headers, ".show tables", MGMT, "default")[0] == 403


def test_an_unknown_database_is_an_error_that_clients_read(server, owner):
    """They take 404 for a server that has no such endpoint."""
    for path in (QUERY, MGMT, "/v2/rest/query"):
        status, body = ask(server, owner, "print 1", path, "nosuch")
        assert (status, body["error"]["code"]) == (400, "BadRequest_DatabaseNotExist")


def test_schemas_as_json(server, owner, filled):
    ((one,),) = rows(server, owner, ".show database ['w-1'] schema as json", MGMT)
    (function,) = json.loads(one)["Databases"]["w-1"]["Functions"].values()
    assert (function["Name"], function["InputParameters"][0]["CslType"]) == ("Twice", "long")
    ((every,),) = rows(server, owner, ".show databases schema as json", MGMT)
    assert {"default", "w-1"} <= json.loads(every)["Databases"].keys()
    ((name, schema, database, _, _),) = rows(server, owner, ".show table SigninLogs schema as json", MGMT)
    assert (name, database) == ("SigninLogs", "default")
    told = {column["Name"]: column for column in json.loads(schema)["OrderedColumns"]}
    assert told["TimeGenerated"] == {
        "Name": "TimeGenerated",
        "Type": "System.DateTime",
        "CslType": "datetime",
    }


def test_functions(server, owner, filled):
    wanted = ["Twice", "(a: long)", "{ print 2 * a }", "", ""]
    assert rows(server, owner, ".show functions", MGMT, "w-1") == [wanted]
    assert rows(server, owner, ".show function Twice", MGMT, "w-1") == [wanted]
    assert ask(server, owner, ".show function Thrice", MGMT, "w-1")[0] == 400


def test_who_asks(server, token):
    headers = {"Authorization": f"Bearer {token(('Reader', '/'))}"}
    for command in (".show current principal", ".show current principal details"):
        ((kind, name, id_, full, *_),) = rows(server, headers, command, MGMT)
        assert (kind, name.startswith("program ")) == ("AAD Application", True)
        assert full.startswith(f"aadapp={id_};")


def test_what_is_shown_can_be_piped(server, owner, filled):
    """Also with a bar inside a name."""
    text = ".show databases | where DatabaseName == 'w-1' | project DatabaseName, n = 1"
    assert rows(server, owner, text, MGMT) == [["w-1", 1]]
    assert rows(server, owner, ".show version | project isnull(BuildTime)", MGMT)[0][0]
    status, body = ask(server, owner, ".show table ['a|b'] cslschema", MGMT)
    assert "there is no table 'a|b'" in body["error"]["@message"], status
    assert ask(server, owner, ".show databases | where nosuch == 1", MGMT)[0] == 400


def test_tables_with_how_many_rows_may_be_read(server, owner, instance):
    made, place = {}, instance.state.workspaces.get()
    for n, name in enumerate(("Heartbeat", "Syslog"), 1):
        records = [{"TimeGenerated": instance.now, "Computer": f"c{at}"} for at in range(n)]
        made[name] = to_arrow_rows(
            instance.lake.tables[name], records, workspace=place, now=instance.now
        ).table
    instance.lake.writer().append("default", made, producer="kusto", sequence=1)
    instance.lake.flush()
    found = {row[0]: row[4] for row in rows(server, owner, ".show tables details", MGMT)}
    assert (found["Heartbeat"], found["Syslog"]) == (1, 2)
    assert rows(server, owner, ".show table Syslog details", MGMT)[0][4] == 2
    assert sorted(row[0] for row in rows(server, owner, ".show tables | project TableName", MGMT)) == sorted(
        found
    )


def test_a_table_that_is_made_while_the_server_runs(server, owner, instance):
    """The door of the workspace was open before."""
    path = "/v1/rest/ingest/default/{}?streamFormat=json"
    sent = json.dumps([{"TimeGenerated": instance.now.isoformat(), "a": 1}])
    assert server.post(path.format("Syslog"), headers=owner, content=sent).status_code == 200
    assert server.post(path.format("Late_CL"), headers=owner, content=sent).status_code == 400
    import_tables(instance.data, [LakeTable.of("Late_CL", {"a": KqlType.LONG})])
    told = server.post(path.format("Late_CL"), headers=owner, content=sent)
    assert told.status_code == 200, told.text
    instance.lake.flush()
    assert rows(server, owner, "Late_CL | project a") == [[1]]
