"""What transforms cannot see of records, what their tables do not take, and transforms that cannot be."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from nephoscope.cli.main import cli
from nephoscope.ingest.live.ingestion.api_tokens import IngestionTokens
from nephoscope.ingest.live.ingestion.data_collection_rules import load_rules
from nephoscope.ingest.live.ingestion.ingestion_app import IngestionEndpoint
from nephoscope.lake.schema.table import LakeTable
from nephoscope_kql.types import KqlType

SENT_COLUMNS = [
    {"name": "when", "type": "datetime"}, {"name": "text", "type": "string"}, {"name": "n", "type": "int"},
    {"name": "bag", "type": "dynamic"},
]  # fmt: skip


def _sent(transform: str) -> dict:
    return {
        "properties": {
            "immutableId": "dcr-sent",
            "streamDeclarations": {"Custom-Ord": {"columns": SENT_COLUMNS}},
            "dataFlows": [
                {"streams": ["Custom-Ord"], "outputStream": "Custom-Ord_CL", "transformKql": transform}
            ],
        }
    }


NOW = datetime.now(UTC).isoformat()
ORD = "source | where text != 'debug' | extend TimeGenerated = when, N2 = n | project-away when, text"


@pytest.fixture
def through(tmp_path):
    """What records become in a lake behind a rule's transform: the rows of its table, and of the quarantine."""
    from nephoscope.ingest.live.ingestion.endpoints import LIMITS
    from nephoscope.ingest.live.lake_sink import LakeSink
    from nephoscope.ingest.live.source_meter import SourceMeter
    from nephoscope.lake.lake import Lake
    from nephoscope.state import State

    def send(rule: dict, stream: str, records: list[dict], ask: str, known: LakeTable | None = None):
        (tmp_path / "sent.json").write_text(json.dumps(rule))
        with State.open_folder(tmp_path / "data") as state, Lake.open(tmp_path / "data", state) as lake:
            if known is not None:
                lake.import_table(known)
            rules = load_rules(
                [str(tmp_path / "sent.json")], lambda name: lake.tables.get(name), lake.import_table
            )
            sink = LakeSink(
                "door", "default", lake, lake.writer(), state.checkpoints, SourceMeter(), threading.Event()
            )
            door = IngestionEndpoint(sink, IngestionTokens(""), rules, lambda _: (), "door", LIMITS)
            door.ingest_body(door.find_flows("dcr-sent", stream), stream, json.dumps(records).encode(), "")
            lake.flush()
            bad = "_Quarantine | project Place, Reason, Raw, Table"
            return [lake.query(one)[-1].table.to_pylist() for one in (ask, bad)]

    return send


@pytest.mark.parametrize(
    ("transform", "record", "bags"),
    [
        (ORD, {"text": "noprice", "n": "notint", "extra": "E", "bag": "str"}, [{"n": "notint", "extra": "E"}]),
        (ORD, {"n": 8589934588, "Text": "case"}, [{"n": 8589934588, "Text": "case"}]),
        (ORD, {"text": "fig", "n": 3, "nothing": None}, [None]),
        (ORD, {"text": "debug", "extra": "E"}, []),
        (f"{ORD} | extend extra = 'mine'", {"extra": "E"}, [{"extra": "mine", "sent_extra": "E"}]),
        (f"{ORD} | extend _AdditionalFields = dynamic({{'a': 1}})", {"b": 2}, [{"a": 1, "b": 2}]),
        (f"{ORD} | mv-expand bag", {"bag": [1, 2], "extra": "E"}, [{"extra": "E"}, {"extra": "E"}]),
        (f"{ORD} | mv-apply bag on (top 1 by tolong(bag))", {"bag": [1, 2], "extra": "E"}, [{"extra": "E"}]),
        (f"{ORD} | extend TenantId = 'x'", {"a": "E", "TimeGenerated": 7},
         [{"a": "E", "sent_TimeGenerated": 7, "TenantId": "x"}]),
    ],
    ids=["undeclared and unfit", "too large", "all fits", "left out", "taken name", "own bag", "expanded", "applied", "standard"],
)  # fmt: skip
def test_what_a_transform_cannot_see_is_in_the_bag(through, transform, record, bags) -> None:
    known = LakeTable.of("Ord_CL", {"n": KqlType.INT, "N2": KqlType.INT, "bag": KqlType.DYNAMIC})
    records = [{"when": NOW, "text": "debug", "other": 1}, {"when": NOW, **record}]
    rule = _sent(transform)
    rows, bad = through(rule, "Custom-Ord", records, "Ord_CL | project _AdditionalFields", known)
    found = [one["_AdditionalFields"] and json.loads(one["_AdditionalFields"]) for one in rows]
    assert (found, bad) == (bags, [])


def test_the_bag_of_a_table_of_microsofts(through) -> None:
    rule = _sent("source | where DeviceVendor != 'x' | extend AdditionalExtensions = ''")
    rule["properties"]["dataFlows"][0].update(
        streams=["Microsoft-CommonSecurityLog"], outputStream="Microsoft-CommonSecurityLog"
    )
    sent = [{"TimeGenerated": NOW, "DeviceVendor": "v", "foo": 1, "SourcePort": "no"}]
    ask = "CommonSecurityLog | project DeviceVendor, _AdditionalFields"
    rows, bad = through(rule, "Microsoft-CommonSecurityLog", sent, ask)
    assert (rows[0]["DeviceVendor"], bad) == ("v", [])
    assert json.loads(rows[0]["_AdditionalFields"]) == {"foo": 1, "SourcePort": "no"}


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"when": "bad", "text": "fig"}, 'the row has no TimeGenerated (when is no datetime: "bad")'),
        ({"text": "fig", "extra": "E"}, "the row has no TimeGenerated"),
        ({"when": "2001-01-01T00:00:00Z", "text": "fig"}, "TimeGenerated is older than the"),
        ({"when": "2001-01-01T00:00:00Z", "n": "x"}, '(n is no int: "x")'),
    ],
    ids=["no time", "none", "too old", "too old and unfit"],
)
def test_what_a_table_does_not_take_is_quarantined_as_it_was_sent(through, record, reason) -> None:
    records = [{"when": NOW, "text": "debug"}, {"when": NOW, "text": "debug"}, record]
    rows, bad = through(_sent(ORD), "Custom-Ord", records, "Ord_CL")
    assert rows == []
    assert [(one["Place"], json.loads(one["Raw"]), one["Table"]) for one in bad] == [
        ("record 2", record, "Ord_CL")
    ]
    assert reason in bad[0]["Reason"]


@pytest.mark.parametrize(
    ("transform", "stream", "said"),
    [
        ("source | join (Syslog) on Computer", "Custom-Ord", "no table, function or variable is named 'Syslog'"),
        ("source | summarize count() by text", "Custom-Ord", "every row must be made of one row"),
        ("source | extend x = Syslog2", "Microsoft-Syslog", "named 'Syslog2'"),
        ("source | fork (where n == 1) (where n == 2)", "Custom-Ord", "column 10: the operator fork makes a row depend"),
        ("source; source | where false", "Custom-Ord", "column 9: a transform must be a single query"),
        ("source | take 1", "Custom-Ord", "the operator take or limit makes"),
        ("let one = source | top 1 by n; one", "Custom-Ord", "the operator top makes"),
        ("source | consume", "Custom-Ord", "the operator consume makes"),
        ("source | partition by text (take 1)", "Custom-Ord", "the operator partition makes"),
        ("source | extend a = toscalar(source | count)", "Custom-Ord", "the function toscalar makes"),
        ("source | sort by n asc | extend a = prev(n)", "Custom-Ord", "the function prev makes"),
        ("source | where text in (source | where n == 1 | project text)", "Custom-Ord", "a transform reads source once"),
        ("source | lookup kind=inner (source | project text, z = n) on text", "Custom-Ord", "a transform reads source once"),
        ("let t = source | where n == 1; source | where text !in (t | project text)", "Custom-Ord", "reads source once"),
        ("source | sort by n asc | extend a = row_window_session(when, 1h, 1m)", "Custom-Ord", "row_window_session makes"),
        ("source | lookup (externaldata(text: string)['https://127.0.0.1/x']) on text", "Custom-Ord", "cannot read files"),
    ],
    ids=[
        "another table", "several records", "columns of a table", "fork", "two queries", "take", "top in a let", "consume",
        "partition", "toscalar", "prev", "a sub-query", "a look-up", "a let", "sessions", "externaldata",
    ],
)  # fmt: skip
def test_add_refuses_a_transform_that_cannot_be(tmp_path, transform, stream, said) -> None:
    rule = _sent(transform)
    rule["properties"]["dataFlows"][0].update(streams=[stream], outputStream=stream)
    (tmp_path / "rule.json").write_text(json.dumps(rule))
    add = (
        "--data", str(tmp_path / "data"), "sources", "add", "door", "--kind", "logs_ingestion", "--set", "listen=127.0.0.1:0",
        "--set", f"rules={tmp_path / 'rule.json'}",
    )  # fmt: skip
    refused = CliRunner().invoke(cli, add)
    assert refused.exit_code == 2
    assert said in refused.output
    listed = CliRunner().invoke(cli, ["--data", str(tmp_path / "data"), "sources", "list", "-o", "json"])
    assert json.loads(listed.stdout) == []
