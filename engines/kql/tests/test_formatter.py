"""The formatter: layout, comments, and that it changes no word."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from nephoscope_kql.errors import KqlError
from nephoscope_kql.formatter import format_query
from nephoscope_kql.parser import parse
from nephoscope_kql.parser.lexer import split_words

QUERIES = yaml.load(
    (Path(__file__).parent / "cases" / "parse.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader
)["accept"]


@pytest.mark.parametrize("query", QUERIES)
def test_no_word_changes(query):
    laid_out = format_query(query)
    assert [token.text for token in split_words(laid_out).tokens] == [
        token.text for token in split_words(query).tokens
    ]
    assert parse(laid_out) == parse(query)
    assert format_query(laid_out) == laid_out


def test_layout() -> None:
    query = (
        "// failed sign-ins\nlet n=5;let f=(T:(*)){let x=1;T|take x};\n\n\n"
        "SigninLogs|where ResultType!=0 and Count>-1 // only failures\n"
        "  | join kind=inner (AuditLogs|where a==1) on b\n| union (\nAuditLogs\n|where a\n  |project-away b*\n)\n"
        "|where Name in (\n'a',\n'b'\n)\n|extend x=a*-b,\ny=c[0].d"
    )
    assert format_query(query) == (Path(__file__).parent / "golden/layout.kql").read_text(encoding="utf-8")


def test_what_does_not_parse_is_refused():
    with pytest.raises(KqlError, match="expected an operator"):
        format_query("T | nope")
