"""The public surface: what is parsed, which calls it names, how hosts answer, what is folded and what is bounded."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from nephoscope_policy.arm import (
    ArmError,
    ArmSyntaxError,
    FunctionError,
    is_expression,
    load_registry,
    parse,
    unescape_literal,
)
from nephoscope_policy.arm.parser import MAX_DEPTH, MAX_LENGTH


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[f()]", True),
        ("[[f()]", False),
        ("[f()", False),
        ("f()]", False),
        ("[]", False),
        ("[", False),
        ("", False),
        ("[Preview]: x", False),
        (" [f()]", False),
    ],
)
def test_is_expression(text: str, expected: bool) -> None:
    assert is_expression(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"), [("[[x]", "[x]"), ("[x", "[x"), ("x", "x"), ("[[[x]]", "[[x]]")]
)
def test_unescape(text: str, expected: str) -> None:
    assert unescape_literal(text) == expected


def test_calls_are_the_lower_cased_names_anywhere() -> None:
    expression = parse("[Concat(Field('a')[parameters('i')].b, contoso.Name())]")
    assert expression.calls == {"concat", "field", "parameters", "contoso.name"}


def test_a_host_gets_the_scope_and_the_evaluated_arguments() -> None:
    seen: list[Any] = []

    def field(scope: Any, arguments: list[Any]) -> Any:
        seen.append((scope, arguments))
        return "value"

    expression = parse("[toUpper(FIELD(concat('a', 'b'), 1))]")
    assert expression.compile({"field": field})("scope") == "VALUE"
    assert expression.interpret({"field": field}, "scope") == "VALUE"
    assert seen == [("scope", ["ab", 1])] * 2


def test_a_host_goes_before_a_pure_function() -> None:
    hosts = {"equals": lambda scope, arguments: "mine"}
    assert parse("[equals(1, 2)]").compile(hosts)(None) == "mine"
    assert parse("[equals(1, 2)]").interpret(hosts, None) == "mine"


def test_a_failing_host_names_itself_and_its_place() -> None:
    def field(scope: Any, arguments: list[Any]) -> Any:
        raise FunctionError("no such field")

    for evaluate in (
        lambda expression: expression.compile({"field": field})(None),
        lambda expression: expression.interpret({"field": field}, None),
    ):
        with pytest.raises(ArmError, match=r"^field\(\): no such field$") as caught:
            evaluate(parse("[concat('a', field('b'))]"))
        assert (caught.value.function, caught.value.offset) == ("field", 13)


def test_pure_parts_are_computed_once_when_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    run = parse("[concat(toLower('A'), field('x'))]").compile({"field": lambda scope, arguments: scope})
    monkeypatch.setattr(type(load_registry()["tolower"]), "body", None, raising=False)
    assert run("b") == "ab"


def test_an_error_in_a_pure_part_is_raised_when_run_and_only_if_reached() -> None:
    hosts = {"field": lambda scope, arguments: scope}
    run = parse("[if(field('x'), div(1, 0), 'fine')]").compile(hosts)
    assert run(False) == "fine"
    for _ in range(2):
        with pytest.raises(ArmError, match="division by zero") as caught:
            run(True)
        assert caught.value.offset == 16


def test_unknown_functions_and_wrong_counts_are_found_by_check() -> None:
    hosts = {"field": lambda scope, arguments: None}
    parse("[concat(field('a'), map(createArray(), lambda('x', lambdaVariables('x'))))]").check(hosts)
    with pytest.raises(ArmSyntaxError, match="the function feild is not known") as caught:
        parse("[concat(feild('a'))]").check(hosts)
    assert caught.value.offset == 8
    with pytest.raises(
        ArmSyntaxError, match=r"split\(\) takes 2 arguments, not 1: split\(inputString, delimiter\)"
    ):
        parse("[SPLIT('a')]").check(hosts)


def test_an_unknown_function_is_an_error_only_when_reached() -> None:
    expression = parse("[if(true, 1, nope())]")
    assert expression.compile({})(None) == expression.interpret({}, None) == 1
    with pytest.raises(ArmError, match="not known"):
        parse("[nope()]").compile({})(None)


def test_nesting_is_bounded_in_every_direction() -> None:
    levels = MAX_DEPTH - 1
    deep = "[" + "array(" * levels + "1" + ")" * levels + "]"
    assert len(str(parse(deep).compile({})(None))) > levels // 50
    assert parse(deep).interpret({}, None) == [1]
    for text in (
        "[" + "f(" * 200 + ")" * 200 + "]",
        "[f()" + ".a" * 200 + "]",
        "[f()" + "[0]" * 200 + "]",
        "[f" + "[" * 200 + "]",
        "[" + "-" * 20_000 + "1]",
        "[" + "f(" * 20_000 + "]",
    ):
        with pytest.raises(ArmSyntaxError):
            parse(text)


def test_length_is_bounded() -> None:
    with pytest.raises(ArmSyntaxError, match="more than"):
        parse("['" + "a" * MAX_LENGTH + "']")


def test_growth_is_bounded_before_it_is_allocated() -> None:
    big = "x" * 3_000_000
    hosts = {"big": lambda scope, arguments: big, "list": lambda scope, arguments: [1] * 600_000}
    for text in (
        "[concat(big(), big())]",
        "[replace(big(), 'x', 'yyyy')]",
        "[join(createArray(big(), big()), '')]",
        "[format('{0}{0}', big())]",
        "[format('{0,4999999}', 'a')]",
        "[uriComponent(replace(big(), 'x', '/'))]",
        "[base64(concat(big(), 'x'))]",
        "[string(createArray(big(), big()))]",
        "[concat(list(), list())]",
        "[union(list(), list())]",
        "[flatten(createArray(list(), list()))]",
    ):
        expression = parse(text)
        if text.startswith("[base64"):
            assert len(expression.compile(hosts)(None)) == 4_000_004
            continue
        with pytest.raises(ArmError, match="more than"):
            expression.compile(hosts)(None)


def test_deep_json_is_an_error() -> None:
    hosts = {"deep": lambda scope, arguments: "[" * 100_000}
    with pytest.raises(ArmError, match="nested deeper than 200 levels"):
        parse("[json(deep())]").compile(hosts)(None)


def test_each_evaluation_has_its_own_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nephoscope_policy.arm.lambdas.MAX_STEPS", 100)
    text = "[length(map(range(0, field()), lambda('x', field())))]"
    run = parse(text).compile({"field": lambda scope, arguments: scope})
    for _ in range(3):
        assert run(99) == 99
    with pytest.raises(ArmError, match="steps"):
        run(101)


def test_a_deep_value_of_a_host_is_an_error() -> None:
    deep: list[Any] = []
    for _ in range(sys.getrecursionlimit() * 2):
        deep = [deep]
    expression = parse("[equals(deep(1), deep(2))]")
    copies = iter([deep, [deep]] * 2)
    hosts = {"deep": lambda scope, arguments: next(copies)}
    for evaluate in (lambda: expression.compile(hosts)(None), lambda: expression.interpret(hosts, None)):
        with pytest.raises(ArmError, match="nested too deeply"):
            evaluate()


def test_an_accumulated_value_is_not_nested_without_bound() -> None:
    text = "[reduce(range(0, 500), 1, lambda('c', 'n', createArray(lambdaVariables('c'))))]"
    with pytest.raises(ArmError, match="nested deeper than 200 levels"):
        parse(text).compile({})(None)


def test_every_function_has_a_summary_and_a_signature_of_its_name() -> None:
    for key, function in load_registry().items():
        assert key == function.name.lower()
        assert function.summary.endswith("."), key
        assert function.signature.startswith(f"{function.name}("), key
