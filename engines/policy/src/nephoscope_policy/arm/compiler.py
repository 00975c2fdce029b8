"""From tree to closures: pure parts are folded, calls are resolved once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import msgspec

from nephoscope_policy.arm import call_resolution
from nephoscope_policy.arm.call_resolution import Functions, Host, Hosts
from nephoscope_policy.arm.errors import ArmError, FunctionError
from nephoscope_policy.arm.function import ArmFunction
from nephoscope_policy.arm.lambdas import LambdaArgument, LambdaFrame
from nephoscope_policy.arm.property_access import get_element, get_member
from nephoscope_policy.arm.tree import (
    ArmCall,
    ArmIndex,
    ArmLiteral,
    ArmProperty,
    Node,
    list_children,
    walk_nodes,
)
from nephoscope_policy.arm.value import Value

Closure: TypeAlias = Callable[[object, LambdaFrame], Value]


class _CallTable(msgspec.Struct, frozen=True):
    """What calls mean while one expression is compiled, and the nodes (by identity) found to ask no host and no lambda."""

    hosts: Hosts
    functions: Functions | None
    pure: set[int] = msgspec.field(default_factory=set)

    def is_pure(self, node: Node) -> bool:
        """Return whether nothing at or below a node asks a host or a lambda; its operands were asked before."""
        if (
            isinstance(node, ArmCall)
            and call_resolution.find_pure_function(node, self.hosts, self.functions) is None
        ):
            return False
        return all(isinstance(child, ArmLiteral) or id(child) in self.pure for child in list_children(node))


def compile_node(node: Node, hosts: Hosts, functions: Functions | None = None) -> Callable[[object], Value]:
    """A function from a scope to the node's value, by the registry's functions or others; it raises ArmError."""
    surface = _CallTable(hosts, functions)
    if not any(
        isinstance(current, ArmCall) and current.key == call_resolution.LAMBDA for current in walk_nodes(node)
    ):
        plain, frame = _compile_node(node, surface), LambdaFrame()
        return lambda scope: plain(scope, frame)
    stray = call_resolution.find_misplaced_lambda(node, hosts)
    closure = (
        _compile_node(node, surface)
        if stray is None
        else _raise_when_run(call_resolution.make_misplaced_lambda_error(stray))
    )
    return lambda scope: closure(scope, LambdaFrame())


def _compile_node(node: Node, surface: _CallTable) -> Closure:
    if isinstance(node, ArmLiteral):
        return _make_constant(node.value)
    closure = _make_operation(node, surface)
    if not surface.is_pure(node):
        return closure
    surface.pure.add(id(node))
    return _fold_closure(closure)


def _make_operation(node: Node, surface: _CallTable) -> Closure:
    if isinstance(node, ArmProperty):
        return _make_property(node, _compile_node(node.target, surface))
    if isinstance(node, ArmIndex):
        return _make_index(node, _compile_node(node.target, surface), _compile_node(node.index, surface))
    if isinstance(node, ArmCall):
        return _make_call(node, surface)
    raise TypeError(type(node))


def _make_constant(value: Value) -> Closure:
    return lambda _, __: value


def _raise_when_run(error: ArmError) -> Closure:
    def raise_error(_: object, __: LambdaFrame) -> Value:
        raise ArmError(error.function, error.message, error.offset)

    return raise_error


def _fold_closure(closure: Closure) -> Closure:
    try:
        return _make_constant(closure(None, LambdaFrame()))
    except ArmError as error:
        return _raise_when_run(error)


def _make_property(node: ArmProperty, target: Closure) -> Closure:
    name, offset = node.name, node.offset

    def evaluate_property(scope: object, frame: LambdaFrame) -> Value:
        value = target(scope, frame)
        try:
            return get_member(value, name)
        except FunctionError as failure:
            raise ArmError("", str(failure), offset) from failure

    return evaluate_property


def _make_index(node: ArmIndex, target: Closure, index: Closure) -> Closure:
    offset = node.offset

    def evaluate_index(scope: object, frame: LambdaFrame) -> Value:
        value, place = target(scope, frame), index(scope, frame)
        try:
            return get_element(value, place)
        except FunctionError as failure:
            raise ArmError("", str(failure), offset) from failure

    return evaluate_index


def _make_call(node: ArmCall, surface: _CallTable) -> Closure:
    host = surface.hosts.get(node.key)
    if host is not None:
        return _make_host_call(node, host, _list_arguments(node, surface))
    if node.key in (call_resolution.LAMBDA, call_resolution.LAMBDA_VARIABLES):
        return _make_lambda_form(node, surface)
    function = call_resolution.find_pure_function(node, surface.hosts, surface.functions)
    if function is None:
        return _raise_when_run(ArmError(node.name, "the function is not known", node.offset))
    problem = function.explain_wrong_count(len(node.arguments))
    if problem:
        return _raise_when_run(ArmError(function.name, problem, node.offset))
    make = _make_lazy_call if function.lazy else _make_eager_call
    return make(node, function, _list_arguments(node, surface))


def _list_arguments(node: ArmCall, surface: _CallTable) -> list[Closure]:
    return [_compile_node(argument, surface) for argument in node.arguments]


def _make_host_call(node: ArmCall, host: Host, arguments: list[Closure]) -> Closure:
    def evaluate_host_call(scope: object, frame: LambdaFrame) -> Value:
        values = [argument(scope, frame) for argument in arguments]
        try:
            return host(scope, values)
        except FunctionError as failure:
            raise call_resolution.make_call_error(node, failure) from failure

    return evaluate_host_call


def _make_eager_call(node: ArmCall, function: ArmFunction, arguments: list[Closure]) -> Closure:
    body = function.body

    def evaluate_eager_call(scope: object, frame: LambdaFrame) -> Value:
        values = [argument(scope, frame) for argument in arguments]
        try:
            return body(values)
        except FunctionError as failure:
            raise call_resolution.make_call_error(node, failure) from failure
        except RecursionError as failure:
            raise call_resolution.make_nesting_error(node) from failure

    return evaluate_eager_call


def _make_lazy_call(node: ArmCall, function: ArmFunction, arguments: list[Closure]) -> Closure:
    body = function.body

    def evaluate_lazy_call(scope: object, frame: LambdaFrame) -> Value:
        try:
            return body([partial(argument, scope, frame) for argument in arguments])
        except FunctionError as failure:
            raise call_resolution.make_call_error(node, failure) from failure

    return evaluate_lazy_call


def _make_lambda_form(node: ArmCall, surface: _CallTable) -> Closure:
    try:
        if node.key == call_resolution.LAMBDA_VARIABLES:
            return _make_variable(node, call_resolution.get_variable_name(node))
        names, body = call_resolution.get_lambda_parts(node)
    except ArmError as error:
        return _raise_when_run(error)
    closure = _compile_node(body, surface)
    return lambda scope, frame: LambdaArgument(names, partial(closure, scope), frame)


def _make_variable(node: ArmCall, name: str) -> Closure:
    def evaluate_variable(_: object, frame: LambdaFrame) -> Value:
        if name in frame.variables:
            return frame.variables[name]
        raise ArmError("lambdaVariables", f"no lambda around it has the parameter {name!r}", node.offset)

    return evaluate_variable
