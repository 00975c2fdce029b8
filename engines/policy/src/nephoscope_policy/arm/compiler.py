"""From tree to closures: pure parts are folded, calls are resolved once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

from nephoscope_policy.arm import calls
from nephoscope_policy.arm.access import element, member
from nephoscope_policy.arm.calls import Functions, Host, Hosts
from nephoscope_policy.arm.errors import ArmError, FunctionError
from nephoscope_policy.arm.lambdas import Frame, Lambda
from nephoscope_policy.arm.registry import Function
from nephoscope_policy.arm.tree import Call, Index, Literal, Node, Property, children, walk
from nephoscope_policy.arm.value import Value

Closure: TypeAlias = Callable[[Any, Frame], Value]


def compile_node(node: Node, hosts: Hosts, functions: Functions | None = None) -> Callable[[Any], Value]:
    """A function from a scope to the node's value, by the registry's functions or others; it raises ArmError."""
    stray = calls.misplaced_lambda(node, hosts)
    closure = _compile(node, hosts, functions) if stray is None else _raising(calls.misplaced(stray))
    if not any(isinstance(current, Call) and current.key == calls.LAMBDA for current in walk(node)):
        frame = Frame()
        return lambda scope: closure(scope, frame)
    return lambda scope: closure(scope, Frame())


def _compile(node: Node, hosts: Hosts, functions: Functions | None) -> Closure:
    if isinstance(node, Literal):
        return _constant(node.value)
    closure = _operation(node, hosts, functions)
    return _fold(closure) if _is_pure(node, hosts) else closure


def _operation(node: Node, hosts: Hosts, functions: Functions | None) -> Closure:
    if isinstance(node, Property):
        return _property(node, _compile(node.target, hosts, functions))
    if isinstance(node, Index):
        return _index(node, _compile(node.target, hosts, functions), _compile(node.index, hosts, functions))
    if isinstance(node, Call):
        return _call(node, hosts, functions)
    raise TypeError(type(node))


def _constant(value: Value) -> Closure:
    return lambda _, __: value


def _raising(error: ArmError) -> Closure:
    def closure(_: Any, __: Frame) -> Value:
        raise ArmError(error.function, error.message, error.offset)

    return closure


def _is_pure(node: Node, hosts: Hosts) -> bool:
    """Whether nothing at or below the node asks a host or a lambda; constant operands were folded before."""
    if isinstance(node, Call) and calls.pure_function(node, hosts) is None:
        return False
    return all(_is_pure(child, hosts) for child in children(node))


def _fold(closure: Closure) -> Closure:
    try:
        return _constant(closure(None, Frame()))
    except ArmError as error:
        return _raising(error)


def _property(node: Property, target: Closure) -> Closure:
    name, offset = node.name, node.offset

    def closure(scope: Any, frame: Frame) -> Value:
        value = target(scope, frame)
        try:
            return member(value, name)
        except FunctionError as failure:
            raise ArmError("", str(failure), offset) from failure

    return closure


def _index(node: Index, target: Closure, index: Closure) -> Closure:
    offset = node.offset

    def closure(scope: Any, frame: Frame) -> Value:
        value, place = target(scope, frame), index(scope, frame)
        try:
            return element(value, place)
        except FunctionError as failure:
            raise ArmError("", str(failure), offset) from failure

    return closure


def _call(node: Call, hosts: Hosts, functions: Functions | None) -> Closure:
    host = hosts.get(node.key)
    if host is not None:
        return _host_call(node, host, _arguments(node, hosts, functions))
    if node.key in (calls.LAMBDA, calls.LAMBDA_VARIABLES):
        return _lambda_form(node, hosts, functions)
    function = calls.pure_function(node, hosts, functions)
    if function is None:
        return _raising(ArmError(node.name, "the function is not known", node.offset))
    problem = function.wrong_count(len(node.arguments))
    if problem:
        return _raising(ArmError(function.name, problem, node.offset))
    make = _lazy_call if function.lazy else _eager_call
    return make(node, function, _arguments(node, hosts, functions))


def _arguments(node: Call, hosts: Hosts, functions: Functions | None) -> list[Closure]:
    return [_compile(argument, hosts, functions) for argument in node.arguments]


def _host_call(node: Call, host: Host, arguments: list[Closure]) -> Closure:
    def closure(scope: Any, frame: Frame) -> Value:
        values = [argument(scope, frame) for argument in arguments]
        try:
            return host(scope, values)
        except FunctionError as failure:
            raise calls.error(node, failure) from failure

    return closure


def _eager_call(node: Call, function: Function, arguments: list[Closure]) -> Closure:
    body = function.body

    def closure(scope: Any, frame: Frame) -> Value:
        values = [argument(scope, frame) for argument in arguments]
        try:
            return body(values)
        except FunctionError as failure:
            raise calls.error(node, failure) from failure
        except RecursionError as failure:
            raise calls.too_deep(node) from failure

    return closure


def _lazy_call(node: Call, function: Function, arguments: list[Closure]) -> Closure:
    body = function.body

    def closure(scope: Any, frame: Frame) -> Value:
        try:
            return body([partial(argument, scope, frame) for argument in arguments])
        except FunctionError as failure:
            raise calls.error(node, failure) from failure

    return closure


def _lambda_form(node: Call, hosts: Hosts, functions: Functions | None) -> Closure:
    try:
        if node.key == calls.LAMBDA_VARIABLES:
            return _variable(node, calls.variable_name(node))
        names, body = calls.lambda_parts(node)
    except ArmError as error:
        return _raising(error)
    closure = _compile(body, hosts, functions)
    return lambda scope, frame: Lambda(names, partial(closure, scope), frame)


def _variable(node: Call, name: str) -> Closure:
    def closure(_: Any, frame: Frame) -> Value:
        if name in frame.variables:
            return frame.variables[name]
        raise ArmError("lambdaVariables", f"no lambda around it has the parameter {name!r}", node.offset)

    return closure
