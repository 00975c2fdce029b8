"""Rows from a writer to a query."""

from __future__ import annotations

import datetime as dt

import pytest

from nephoscope.lake.lake import Lake
from nephoscope.lake.queries.principal_scope import LakeScope
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.lake.writing.quarantine import QuarantineEntry
from nephoscope_kql import KqlError

NOW = dt.datetime.now(dt.UTC)


def syslog(lake: Lake, count: int, **values: object):
    rows = [
        {"TimeGenerated": NOW - dt.timedelta(minutes=n), "ProcessID": n, "SyslogMessage": f"m{n}", **values}
        for n in range(count)
    ]
    return to_arrow_rows(lake.tables["Syslog"], rows, workspace=lake.workspace(), now=NOW).table


def asked(lake: Lake, text: str, **how: object) -> list[dict[str, object]]:
    return lake.query(text, **how)[-1].table.to_pylist()


def test_rows_come_out_as_they_went_in(lake: Lake) -> None:
    writer = lake.writer()
    writer.append("default", {"Syslog": syslog(lake, 3, Extra={"a": [1]})}, producer="p", sequence=0)
    lake.flush()
    found = asked(
        lake,
        "Syslog | sort by ProcessID asc | project ProcessID, SyslogMessage, _AdditionalFields.Extra.a[0], Type",
    )
    assert [tuple(row.values()) for row in found] == [(n, f"m{n}", "1", "Syslog") for n in range(3)]
    assert asked(lake, "Syslog | where TimeGenerated > ago(90s) | count", now=NOW) == [{"Count": 2}]
    assert asked(lake, "Syslog | where ingestion_time() > ago(1d) | count") == [{"Count": 3}]


def test_a_sequence_is_taken_once(lake: Lake) -> None:
    writer = lake.writer()
    for sequence in (0, 0, 1, 0, 1):
        writer.append("default", {"Syslog": syslog(lake, 2)}, producer="p", sequence=sequence)
        assert writer.last("p") == max(sequence, writer.last("p"))
    lake.flush()
    writer.append("default", {"Syslog": syslog(lake, 2)}, producer="p", sequence=1)
    lake.flush()
    assert asked(lake, "Syslog | count") == [{"Count": 4}]
    assert (writer.last("p"), writer.last("q")) == (1, -1)


def test_what_was_bad_is_in_the_quarantine(lake: Lake) -> None:
    bad = QuarantineEntry("a.json", "line 7", "no time", "{" * 90_000, "syslog", "Syslog")
    lake.writer().append("default", {}, bad=[bad], producer="p", sequence=0)
    lake.flush()
    found = asked(lake, "_Quarantine | project Source, Place, Reason, strlen(Raw), Format, Table")
    assert [tuple(row.values()) for row in found] == [
        ("a.json", "line 7", "no time (Raw is its first 64 KiB)", 65_536, "syslog", "Syslog")
    ]


def test_a_table_without_rows_is_empty_and_an_unknown_one_an_error(lake: Lake) -> None:
    assert asked(lake, "AzureActivity | count") == [{"Count": 0}]
    with pytest.raises(KqlError, match="Azureactivity"):
        lake.query("Azureactivity")


def test_a_scope_sees_its_subscriptions_only(lake: Lake) -> None:
    writer = lake.writer()
    for n, one in enumerate(("AAA", "bbb", "")):
        resource = f"/subscriptions/{one}/resourceGroups/g" if one else ""
        writer.append(
            "default", {"Syslog": syslog(lake, n + 1, _ResourceId=resource)}, producer="p", sequence=n
        )
    lake.flush()
    assert asked(lake, "Syslog | count", scope=LakeScope(frozenset({"aaa"}))) == [{"Count": 1}]
    assert asked(lake, "Syslog | count", scope=LakeScope(frozenset({"BBB"}))) == [{"Count": 2}]
    assert asked(lake, "Syslog | count", scope=LakeScope(frozenset({""}))) == [{"Count": 0}]
    assert asked(lake, "Syslog | count", scope=LakeScope(frozenset())) == [{"Count": 0}]
    assert asked(lake, "Syslog | count") == [{"Count": 6}]
    with pytest.raises(KqlError):
        lake.query("Syslog", scope=LakeScope(workspaces=frozenset({"other"})))


def test_small_files_are_joined_and_counts_stay(lake: Lake) -> None:
    writer = lake.writer()
    for n in range(40):
        writer.append("default", {"Syslog": syslog(lake, 1)}, producer="p", sequence=n)
        lake.flush()
    lake.compact()
    assert asked(lake, "Syslog | summarize count(), dcount(ProcessID)") == [
        {"count_": 40, "dcount_ProcessID": 1}
    ]
    with lake.catalog() as catalog:
        catalog.find_table("Syslog")
        assert sum(len(scan.paths()) for scan in catalog.list_scans().values()) < 12
