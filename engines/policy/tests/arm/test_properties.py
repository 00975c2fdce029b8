"""What holds for every expression: it prints as it parses, compiles as it interprets, and fails only in two ways."""

from __future__ import annotations

import json
import string
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nephoscope_policy.arm import (
    ArmError,
    ArmSyntaxError,
    is_expression,
    load_registry,
    parse,
    unescape_literal,
)
from nephoscope_policy.arm.compiler import compile_node
from nephoscope_policy.arm.interpreter import interpret_node
from nephoscope_policy.arm.tree import ArmCall, ArmIndex, ArmLiteral, ArmProperty, Node, format_node

names = st.text(string.ascii_letters + "_", min_size=1, max_size=6).filter(
    lambda name: name.lower() not in ("true", "false", "null")
)
finite = st.floats(allow_nan=False, allow_infinity=False)
literals = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    finite,
    st.text(max_size=8),
    st.sampled_from(["2024-01-15T12:00:00Z", "P1D", "10.0.0.0/24", "10.0.0.1", "{0:N2}", "a,b", "e30=", "x"]),
).map(ArmLiteral)
functions = sorted(function.name for function in load_registry().values())


def calls(children: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    arguments = st.lists(children, max_size=4).map(tuple)
    return st.one_of(
        st.builds(ArmCall, names, arguments),
        st.builds(ArmCall, st.tuples(names, names).map(".".join), arguments),
        st.builds(ArmProperty, children, names),
        st.builds(ArmIndex, children, children),
    )


def evaluable(children: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    variable = st.builds(ArmCall, st.just("lambdaVariables"), st.tuples(st.just(ArmLiteral("x"))))
    body = st.one_of(children, variable)
    one = st.builds(lambda inner: ArmCall("lambda", (ArmLiteral("x"), inner)), body)
    two = st.builds(lambda inner: ArmCall("lambda", (ArmLiteral("x"), ArmLiteral("y"), inner)), body)
    arguments = st.lists(st.one_of(children, children, variable, one, two), max_size=4).map(tuple)
    host = st.builds(ArmCall, st.sampled_from(["field", "utcNow", "fails"]), arguments)
    return st.one_of(
        st.builds(ArmCall, st.sampled_from(functions), arguments),
        host,
        st.builds(ArmProperty, children, st.sampled_from(["key", "value", "a"])),
        st.builds(ArmIndex, children, children),
    )


def fails(scope: Any, arguments: list[Any]) -> Any:
    raise ArmError("fails", "always", 1)


HOSTS = {
    "field": lambda scope, arguments: scope.get(str(arguments[:1])),
    "utcnow": lambda scope, arguments: "2024-01-15T12:00:00Z",
    "fails": fails,
}


def outcome(evaluate: Any) -> tuple[str, str]:
    try:
        value = evaluate()
    except ArmError as error:
        return "error", f"{error} at {error.offset}"
    return ("lambda", "") if callable(value) else ("value", json.dumps(value, sort_keys=True))


@given(st.recursive(literals, calls, max_leaves=20))
def test_printing_and_parsing_gives_an_equal_tree(node: Node) -> None:
    text = f"[{format_node(node)}]"
    if is_expression(text):
        parsed = parse(text)
        assert parsed.tree == node
        assert str(parsed) == text


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=400)
@given(st.recursive(literals, evaluable, max_leaves=12))
def test_compiled_equals_interpreted(node: Node) -> None:
    compiled = outcome(lambda: compile_node(node, HOSTS)({"['x']": [1]}))
    assert compiled == outcome(lambda: interpret_node(node, HOSTS, {"['x']": [1]}))


def syntax_error_offset(text: str) -> int:
    """Where the text goes wrong, -1 where it parses."""
    try:
        parse(text)
    except ArmSyntaxError as error:
        return error.offset
    return -1


@given(st.text(max_size=40))
def test_any_text_parses_or_is_a_syntax_error(text: str) -> None:
    assert syntax_error_offset(text) in range(-1, len(text) + 1)


@given(st.text("()[].,'-\"ab0 \n", max_size=30))
def test_any_text_of_marks_parses_or_is_a_syntax_error(text: str) -> None:
    offset = syntax_error_offset(f"[{text}]")
    assert offset in range(-1, len(text) + 3)
    if offset == -1:
        assert parse(str(parse(f"[{text}]"))) == parse(f"[{text}]")


def call(name: str, *arguments: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return st.tuples(*arguments).map(lambda made: ArmCall(name, made))


def function_of(*parameters: str, body: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return body.map(lambda inner: ArmCall("lambda", (*map(ArmLiteral, parameters), inner)))


VARIABLE = ArmCall("lambdaVariables", (ArmLiteral("x"),))
anything: st.SearchStrategy[Node] = st.deferred(
    lambda: st.one_of(
        text_nodes,
        number_nodes,
        boolean_nodes,
        array_nodes,
        object_nodes,
        call("if", boolean_nodes, anything, anything),
        call("coalesce", call("tryGet", object_nodes, st.just(ArmLiteral("k"))), anything),
        call("last", array_nodes),
        array_nodes.map(lambda node: ArmIndex(node, ArmLiteral(0))),
    )
)
text_nodes: st.SearchStrategy[Node] = st.deferred(
    lambda: st.one_of(
        st.text("aB, -1", max_size=4).map(ArmLiteral),
        call("field", st.just(ArmLiteral("name"))),
        call("concat", text_nodes, text_nodes),
        call("toUpper", text_nodes),
        call("string", anything),
        call("join", array_nodes, text_nodes),
        call("format", st.just(ArmLiteral("{0,4}-{1}")), anything, number_nodes),
        call("uniqueString", text_nodes),
        call("skip", text_nodes, number_nodes),
    )
)
number_nodes: st.SearchStrategy[Node] = st.deferred(
    lambda: st.one_of(
        st.integers(-3, 9).map(ArmLiteral),
        call("add", number_nodes, number_nodes),
        call("div", number_nodes, number_nodes),
        call("length", array_nodes),
        call("indexOf", text_nodes, text_nodes),
        call("max", number_nodes, number_nodes),
    )
)
boolean_nodes: st.SearchStrategy[Node] = st.deferred(
    lambda: st.one_of(
        st.booleans().map(ArmLiteral),
        call("equals", anything, anything),
        call("less", text_nodes, text_nodes),
        call("and", boolean_nodes, boolean_nodes),
        call("or", boolean_nodes, boolean_nodes),
        call("contains", array_nodes, anything),
        call("empty", anything),
        call("startsWith", text_nodes, text_nodes),
    )
)
array_nodes: st.SearchStrategy[Node] = st.deferred(
    lambda: st.one_of(
        call("createArray", anything, anything),
        call("split", text_nodes, text_nodes),
        call("union", array_nodes, array_nodes),
        call("intersection", array_nodes, array_nodes),
        call("take", array_nodes, number_nodes),
        call("items", object_nodes),
        call("map", array_nodes, function_of("x", body=st.one_of(anything, st.just(VARIABLE)))),
        call("filter", array_nodes, function_of("x", body=boolean_nodes)),
    )
)
object_nodes: st.SearchStrategy[Node] = st.deferred(
    lambda: st.one_of(
        call("createObject", st.just(ArmLiteral("k")), anything),
        call("union", object_nodes, object_nodes),
        call(
            "toObject",
            call("split", text_nodes, text_nodes),
            st.just(ArmCall("lambda", (ArmLiteral("x"), VARIABLE))),
        ),
    )
)


def check_that_both_agree(node: Node, scope: Any) -> None:
    hosts = {"field": lambda scope, arguments: scope}
    compiled = outcome(lambda: compile_node(node, hosts)(scope))
    assert compiled == outcome(lambda: interpret_node(node, hosts, scope))


@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=60)
@given(anything, st.sampled_from(["Name", None]))
def test_compiled_equals_interpreted_on_well_typed_trees(node: Node, scope: Any) -> None:
    check_that_both_agree(node, scope)


@pytest.mark.full
@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=800)
@given(anything, st.sampled_from(["Name", None]))
def test_compiled_equals_interpreted_on_many_trees(node: Node, scope: Any) -> None:
    check_that_both_agree(node, scope)


@given(st.text(max_size=20))
def test_an_escaped_literal_comes_back(text: str) -> None:
    assert unescape_literal(f"[[{text}]") == f"[{text}]"
    assert not is_expression(f"[[{text}]")


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), finite, st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=600, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(functions), st.lists(json_values, max_size=4))
def test_a_function_gives_json_or_an_arm_error(name: str, values: list[Any]) -> None:
    node = ArmCall(name, tuple(ArmCall("argument", (ArmLiteral(place),)) for place in range(len(values))))
    before = json.dumps(values)
    kind, text = outcome(
        lambda: compile_node(node, {"argument": lambda scope, given: scope[given[0]]})(values)
    )
    assert kind in ("value", "error")
    assert json.dumps(values) == before, "arguments are never changed"
    if kind == "value":
        json.loads(text)
