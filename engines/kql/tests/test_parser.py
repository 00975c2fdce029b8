"""The parser: what it accepts, what it refuses and where it says so."""

from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from nephoscope_kql.errors import KqlError
from nephoscope_kql.parser import MAX_LENGTH, parse, parse_function, parse_parameters
from nephoscope_kql.tree import Binary, Call, Evaluation, Lambda, Let, Literal, Pipe, Unary, walk_nodes
from nephoscope_kql.tree import operators as op
from nephoscope_kql.types import TICKS_PER_DAY, TICKS_PER_SECOND, KqlType

CASES = yaml.load(
    (Path(__file__).parent / "cases" / "parse.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader
)


def value(text: str):
    """The expression of `print text`."""
    statement = parse(f"print {text}").statements[0]
    return statement.value.operators[0].items[0]


def error(text: str) -> KqlError:
    with pytest.raises(KqlError) as caught:
        parse(text)
    return caught.value


@pytest.mark.parametrize("query", CASES["accept"])
def test_accepts(query):
    tree = parse(query)
    assert tree.statements
    assert all(0 <= node.span.start <= node.span.end <= len(query) for node in walk_nodes(tree))


@pytest.mark.parametrize("case", CASES["refuse"], ids=lambda case: case["query"][:40])
def test_refuses_with_place_and_hint(case):
    found = error(case["query"])
    assert f"{found.line}:{found.column}" == case["at"]
    assert case["says"] in found.message
    assert case.get("hint", "") in found.hint
    assert found.kind == case.get("kind", "invalid")
    assert "^" in found.format_caret(case["query"])


@pytest.mark.parametrize("case", CASES["collected"], ids=lambda case: case["query"][:20])
def test_collects_several_errors(case):
    assert [f"{one.line}:{one.column}" for one in error(case["query"]).all] == case["at"]


@pytest.mark.parametrize(
    ("text", "kind", "wanted"),
    [
        ("5", KqlType.LONG, 5),
        ("0x1F", KqlType.LONG, 31),
        ("long(0xffffffffffffffff)", KqlType.LONG, -1),
        ("int(-5)", KqlType.INT, -5),
        ("1.5", KqlType.REAL, 1.5),
        ("real(-inf)", KqlType.REAL, float("-inf")),
        ("decimal(1.10)", KqlType.DECIMAL, Decimal("1.10")),
        ("bool(0)", KqlType.BOOL, False),
        ("TRUE", KqlType.BOOL, True),
        ("1.5h", KqlType.TIMESPAN, 5400 * TICKS_PER_SECOND),
        ("7micros", KqlType.TIMESPAN, 70),
        ("250nanoseconds", KqlType.TIMESPAN, 2),
        ("time(-1.02:03:04.5)", KqlType.TIMESPAN, -(TICKS_PER_DAY + 7384 * TICKS_PER_SECOND + 5_000_000)),
        ("time(2)", KqlType.TIMESPAN, 2 * TICKS_PER_DAY),
        ("datetime(0001-01-01)", KqlType.DATETIME, 0),
        ("datetime(0001-01-02 00:00:00.0000001)", KqlType.DATETIME, TICKS_PER_DAY + 1),
        ("datetime(0001-01-02T01:00+01:00)", KqlType.DATETIME, TICKS_PER_DAY),
        ("datetime(1/3/0001 12:00 AM)", KqlType.DATETIME, 2 * TICKS_PER_DAY),
        ("datetime(null)", KqlType.DATETIME, None),
        ("guid(74BE27DE-1e4e-49d9-b579-fe0b331d3642)", KqlType.GUID, "74be27de-1e4e-49d9-b579-fe0b331d3642"),
        (r'"a\tb\x41\u00e9\101\\"', KqlType.STRING, "a\tbA\u00e9A\\"),
        ("@'C:\\a ''b'''", KqlType.STRING, "C:\\a 'b'"),
        ("h'x' \"y\" @'z'", KqlType.STRING, "xyz"),
        ("```a\n| b```", KqlType.STRING, "a\n| b"),
        ('dynamic({"a": [1, -2.5, null, 1d]})', KqlType.DYNAMIC, {"a": [1, -2.5, None, "1.00:00:00"]}),
        ("dynamic([datetime(2024-01-31)])", KqlType.DYNAMIC, ["2024-01-31T00:00:00.0000000Z"]),
    ],
)
def test_literals(text, kind, wanted):
    literal = value(text)
    assert (literal.type, literal.value) == (kind, wanted)
    assert type(literal.value) is type(wanted)


def test_not_a_number():
    assert math.isnan(value("real(nan)").value)
    assert value("dynamic([real(nan)])").value == ["NaN"]


def test_precedence():
    both = value('a + b * -c == d has "x" and e or f')
    assert isinstance(both, Binary)
    assert both.operator == "or"
    comparison = both.left.left
    assert comparison.operator == "=="
    assert comparison.left.operator == "+"
    assert comparison.right.operator == "has"
    assert comparison.left.right.operator == "*"
    assert isinstance(comparison.left.right.right, Unary)


def test_long_chains_stay_shallow():
    tree = parse("T | where " + " or ".join(f"a == {number}" for number in range(2000)))
    assert sum(isinstance(node, Binary) and node.operator == "or" for node in walk_nodes(tree)) == 1999
    assert parse("T | where (a or b) or c") == parse("T | where a or (b or c)")


def test_old_spellings():
    assert value('a notcontains "x"') == value('a !contains "x"')
    assert value("a <> 1") == value("a != 1")
    assert parse("T | limit 1 | filter a | mvexpand b") == parse("T | take 1 | where a | mv-expand b")


@pytest.mark.parametrize(
    "opening", ["(", "f(", "-(", "iff(a, ", "a[", "(T | where ", "dynamic([" + "[", "not("]
)
def test_nesting_is_bounded(opening):
    assert "nested" in error("print " + opening * 5000).message


@pytest.mark.parametrize(
    "text", ["print 1" + " * 1" * 5000, "print a" + ".b" * 5000, "print a" + "[0]" * 5000]
)
def test_height_is_bounded(text):
    assert "nested" in error(text).message


def test_length_is_bounded():
    assert "characters" in error("T" + " " * MAX_LENGTH).message


def test_errors_are_bounded():
    assert len(error("T " + "| whre x " * 500).all) == 20


def test_statements():
    tree = parse("let f = (a:string, T:(*), n:long = 3) { let x = a; T | take n }; set o = 1; f('x', T)")
    assert [type(one).__name__ for one in tree.statements] == ["Let", "Set", "Evaluation"]
    function = tree.statements[0].value
    assert isinstance(function, Lambda)
    assert [(one.name, one.type, one.schema) for one in function.parameters] == [
        ("a", KqlType.STRING, None),
        ("T", None, ()),
        ("n", KqlType.LONG, None),
    ]
    assert function.parameters[2].default == Literal(type=KqlType.LONG, value=3)
    assert isinstance(function.statements[0], Let)
    assert isinstance(function.body, Pipe)


def test_stored_functions():
    function = parse_function("days:int=7, T:(a:string)", "let x = days;\nT | where t > ago(x * 1d)")
    assert [one.name for one in function.parameters] == ["days", "T"]
    assert isinstance(function.body, Pipe)
    assert parse_function("", "{ T | take 1 }") == parse_function("()", "T | take 1;")
    assert parse_parameters("") == ()
    with pytest.raises(KqlError, match="line 2, column 11"):
        parse_function("", "T\n| where x y")
    with pytest.raises(KqlError, match="type"):
        parse_parameters("a: strin")


def test_relative_dates():
    assert value("datetime(now)") == Call(name="now")
    assert isinstance(value("datetime('8:00:00 AM')"), Binary)


def test_an_operator_names_its_place():
    query = "T | where a == 1 | take 5"
    statement = parse(query).statements[0]
    assert isinstance(statement, Evaluation)
    first, second = statement.value.operators
    assert isinstance(first, op.Where)
    assert query[first.span.start : first.span.end] == "where a == 1"
    assert query[second.span.start : second.span.end] == "take 5"
