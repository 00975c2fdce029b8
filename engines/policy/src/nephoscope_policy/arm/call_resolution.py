"""Call resolution: decide once per node whether a call is a host function, a language form or a pure function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from nephoscope_policy.arm.errors import ArmError, ArmSyntaxError, FunctionError
from nephoscope_policy.arm.function import ArmFunction
from nephoscope_policy.arm.registry import load_registry
from nephoscope_policy.arm.tree import ArmCall, ArmLiteral, Node, walk_nodes
from nephoscope_policy.arm.value import Value

Host: TypeAlias = Callable[[Any, list[Value]], Value]
"""A function that needs the host: it gets the scope and the evaluated arguments; it may raise FunctionError or ArmError."""
Hosts: TypeAlias = Mapping[str, Host]
"""Hosts by lower-cased name; a host goes before a pure function of the same name."""

LAMBDA, LAMBDA_VARIABLES = "lambda", "lambdavariables"


Functions: TypeAlias = Mapping[str, ArmFunction]
"""Pure functions by lower-cased name: the registry, or the same functions widened to unknowns."""


def find_pure_function(call: ArmCall, hosts: Hosts, functions: Functions | None = None) -> ArmFunction | None:
    """The pure function that a call means, None where a host answers it or nobody does."""
    return None if call.key in hosts else (functions or load_registry()).get(call.key)


def format_name(call: ArmCall) -> str:
    """The name for messages, as the registry spells it."""
    known = load_registry().get(call.key)
    return known.name if known else call.name


def make_call_error(call: ArmCall, failure: FunctionError) -> ArmError:
    """The ArmError for what a function's body raised."""
    return ArmError(format_name(call), str(failure), call.offset)


def make_nesting_error(call: ArmCall) -> ArmError:
    """The ArmError for a function that ran out of stack over a deeply nested value."""
    return ArmError(format_name(call), "a value is nested too deeply", call.offset)


def get_lambda_parts(call: ArmCall) -> tuple[tuple[str, ...], Node]:
    """The lower-cased parameter names and the body of `lambda('x', ..., body)`; raises ArmError."""
    *parameters, body = call.arguments or (ArmLiteral(None),)
    names = [
        node.value.lower()
        for node in parameters
        if isinstance(node, ArmLiteral) and isinstance(node.value, str)
    ]
    if not call.arguments or len(names) != len(parameters):
        raise ArmError("lambda", "takes parameter names as string literals, then a body", call.offset)
    if len(set(names)) != len(names):
        raise ArmError("lambda", "has two parameters of one name", call.offset)
    return tuple(names), body


def get_variable_name(call: ArmCall) -> str:
    """The lower-cased name that `lambdaVariables('x')` asks for; raises ArmError."""
    if len(call.arguments) == 1:
        node = call.arguments[0]
        if isinstance(node, ArmLiteral) and isinstance(node.value, str):
            return node.value.lower()
    raise ArmError("lambdaVariables", "takes one string literal", call.offset)


def find_misplaced_lambda(node: Node, hosts: Hosts) -> ArmCall | None:
    """The first lambda that is no argument of a function that takes one: its value would be no JSON; None where all are in place."""
    placed: set[int] = set()
    for current in walk_nodes(node):
        if isinstance(current, ArmCall):
            function = find_pure_function(current, hosts)
            if function is not None and "lambda" in function.signature.lower():
                placed.update(id(argument) for argument in current.arguments)
    lambdas = (
        one
        for one in walk_nodes(node)
        if isinstance(one, ArmCall) and one.key == LAMBDA and LAMBDA not in hosts
    )
    return next((one for one in lambdas if id(one) not in placed), None)


def make_misplaced_lambda_error(call: ArmCall) -> ArmError:
    """The ArmError for a misplaced lambda."""
    return ArmError(
        "lambda",
        "stands only as an argument of a function that takes a lambda, such as map or filter",
        call.offset,
    )


def check_calls(node: Node, hosts: Hosts) -> None:
    """Raise ArmSyntaxError at the first call of a function that nobody answers, or of a pure one with a wrong number of arguments."""
    stray = find_misplaced_lambda(node, hosts)
    if stray is not None:
        raise ArmSyntaxError(make_misplaced_lambda_error(stray).message, stray.offset)
    for current in walk_nodes(node):
        if (
            not isinstance(current, ArmCall)
            or current.key in hosts
            or current.key in (LAMBDA, LAMBDA_VARIABLES)
        ):
            continue
        known = load_registry().get(current.key)
        if known is None:
            raise ArmSyntaxError(f"the function {current.name} is not known", current.offset)
        problem = known.explain_wrong_count(len(current.arguments))
        if problem:
            raise ArmSyntaxError(f"{known.name}() {problem}", current.offset)
