"""Completion and the schema of a query."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nephoscope_kql as kql
from nephoscope_kql.catalog import StoredFunction
from nephoscope_kql.plan.relations import JoinKind
from nephoscope_kql.types import KqlType

CATALOG = kql.MemoryCatalog.of(
    {
        "SigninLogs": [("TimeGenerated", "datetime"), ("UserName", "string"), ("Result", "long")],
        "AuditLogs": [("Operation", "string"), ("a b", "string")],
    },
    [StoredFunction("Recent", "SigninLogs | take 1", "days:int=7")],
)


def offered(text: str, kind: str = "") -> list[str]:
    """What is offered at the | mark `^` of a text."""
    found = kql.complete(text.replace("^", ""), text.index("^"), CATALOG)
    return [item.text for item in found if kind in ("", item.kind)]


@pytest.mark.parametrize(
    ("text", "kind", "wanted"),
    [
        ("^", "table", ["AuditLogs", "SigninLogs"]),
        ("Sig^", "table", ["SigninLogs"]),
        ("rec^", "function", ["Recent"]),
        ("let n = 5; ^", "variable", ["n"]),
        ("SigninLogs | wh^", "operator", ["where"]),
        ("SigninLogs | mv-^", "", ["mv-apply", "mv-expand"]),
        ("SigninLogs | project-re^", "operator", ["project-rename", "project-reorder"]),
        ("SigninLogs | where Result-R^", "column", ["Result"]),
        ("SigninLogs | where ^", "column", ["TimeGenerated", "UserName", "Result"]),
        ("SigninLogs | where r^", "column", ["Result"]),
        ("AuditLogs | where ^", "column", ["Operation", "['a b']"]),
        ("let n = 5; SigninLogs | extend Twice = Result * n | where isnotempty(Tw^", "column", ["Twice"]),
        ("SigninLogs | summarize Count = count() by UserName | sort by ^", "column", ["UserName", "Count"]),
        ("SigninLogs | summarize dcou^", "aggregate", ["dcount", "dcountif"]),
        ("SigninLogs | where dcou^", "aggregate", []),
        ("SigninLogs | where TimeGenerated > ag^", "function", ["ago"]),
        ("SigninLogs | serialize n = row_n^", "function", ["row_number"]),
        ("SigninLogs | where tolo^", "function", ["tolong", "tolower"]),
        ("SigninLogs | join kind=inner (^", "table", ["AuditLogs", "SigninLogs"]),
        ("SigninLogs | join kind=inner (AuditLogs | where ^", "column", ["Operation", "['a b']"]),
        ("SigninLogs | join kind=inner (AuditLogs) ^", "clause", ["kind=", "on", "$left", "$right"]),
        ("SigninLogs | join kind=l^", "", ["leftanti", "leftouter", "leftsemi"]),
        ("SigninLogs | join kind = ^", "", sorted(get_args(JoinKind))),
        ("SigninLogs | lookup kind=^", "", ["inner", "leftouter"]),
        ("SigninLogs | join hint.strategy=b^", "", ["broadcast"]),
        ("union isfuzzy=^", "", ["false", "true"]),
        ("SigninLogs | join ki^", "clause", ["kind="]),
        (
            "SigninLogs | where UserName ha^",
            "clause",
            ["has", "has_cs", "hasprefix", "hasprefix_cs", "hassuffix", "hassuffix_cs", "has_all", "has_any"],
        ),
        ("SigninLogs | where UserName !star^", "clause", ["startswith", "startswith_cs"]),
        ("SigninLogs | where Result == 1 an^", "clause", ["and"]),
        ("SigninLogs | where Result == 1 and u^", "column", ["UserName"]),
        ("SigninLogs | where Result == 1 and o^", "clause", []),
        ("SigninLogs | render time^", "clause", ["timechart", "timeline", "timepivot"]),
        ("SigninLogs | extend kind=^", "column", ["TimeGenerated", "UserName", "Result"]),
        ("SigninLogs | union A^", "table", ["AuditLogs"]),
        ("union S^", "table", ["SigninLogs"]),
        ("SigninLogs | sort ^", "clause", ["by", "asc", "desc", "nulls first", "nulls last"]),
        ("SigninLogs | evaluate bas^", "function", ["basket"]),
        ("SigninLogs | evaluate py^", "", []),
        ("Recent() | where ^", "column", ["TimeGenerated", "UserName", "Result"]),
        ("SigninLogs | where Nope == 1 | where ^", "column", []),
        ("SigninLogs | where UserName.^", "", []),
        ("SigninLogs // ta^", "", []),
        ("SigninLogs | where UserName == 'a^", "", []),
    ],
)
def test_completes(text, kind, wanted):
    assert offered(text, kind) == wanted


def test_operators_stand_behind_a_pipe_and_nothing_else_does():
    found = kql.complete("SigninLogs | ", 13, CATALOG)
    assert {item.kind for item in found} == {"operator"}
    assert {"where", "summarize", "join", "mv-expand", "make-series"} <= {item.text for item in found}


def test_details_tell_type_and_parameters():
    assert kql.complete("SigninLogs | where Res", 22, CATALOG)[0].detail == "long"
    assert kql.complete("Recen", 5, CATALOG)[0].detail == "(days:int=7)"


def test_schema():
    query = "SigninLogs | summarize Last = max(TimeGenerated), count() by UserName"
    assert kql.schema(query, CATALOG) == (
        ("UserName", KqlType.STRING),
        ("Last", KqlType.DATETIME),
        ("count_", KqlType.LONG),
    )
    with pytest.raises(kql.KqlError, match="line 1, column 20"):
        kql.schema("SigninLogs | where Nope == 1", CATALOG)


@settings(max_examples=60)
@given(
    st.text("SigninLogs|where()[]{};,.='\" \n", max_size=60),
    st.integers(-5, 80),
)
def test_any_place_of_any_text_is_answered(text, position):
    for item in kql.complete(text, position, CATALOG):
        assert item.text
