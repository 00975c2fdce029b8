"""A plain walk over the tree, with nothing resolved before: the witness of the compiler."""

from __future__ import annotations

from functools import partial

from nephoscope_policy.arm import call_resolution
from nephoscope_policy.arm.call_resolution import Hosts
from nephoscope_policy.arm.errors import ArmError, FunctionError
from nephoscope_policy.arm.lambdas import LambdaArgument, LambdaFrame
from nephoscope_policy.arm.property_access import get_element, get_member
from nephoscope_policy.arm.registry import load_registry
from nephoscope_policy.arm.tree import ArmCall, ArmIndex, ArmLiteral, ArmProperty, Node
from nephoscope_policy.arm.value import Value


def interpret_node(node: Node, hosts: Hosts, scope: object) -> Value:
    """The node's value in a scope; raises ArmError."""
    stray = call_resolution.find_misplaced_lambda(node, hosts)
    if stray is not None:
        raise call_resolution.make_misplaced_lambda_error(stray)
    return interpret_with_lambdas(node, hosts, scope)


def interpret_with_lambdas(node: Node, hosts: Hosts, scope: object) -> Value:
    """Return the same of a node all of whose lambdas are in place, or that has none."""
    return _Interpreter(hosts, scope).evaluate(node, LambdaFrame())


class _Interpreter:
    def __init__(self, hosts: Hosts, scope: object) -> None:
        self._hosts = hosts
        self._scope = scope

    def evaluate(self, node: Node, frame: LambdaFrame) -> Value:
        if isinstance(node, ArmLiteral):
            return node.value
        if isinstance(node, ArmCall):
            return self._build_call(node, frame)
        return self._build_access(node, frame)

    def _build_access(self, node: ArmProperty | ArmIndex, frame: LambdaFrame) -> Value:
        target = self.evaluate(node.target, frame)
        index = self.evaluate(node.index, frame) if isinstance(node, ArmIndex) else None
        try:
            return get_element(target, index) if isinstance(node, ArmIndex) else get_member(target, node.name)
        except FunctionError as failure:
            raise ArmError("", str(failure), node.offset) from failure

    def _build_call(self, node: ArmCall, frame: LambdaFrame) -> Value:
        if node.key not in self._hosts:
            if node.key == call_resolution.LAMBDA:
                names, body = call_resolution.get_lambda_parts(node)
                return LambdaArgument(names, partial(self.evaluate, body), frame)
            if node.key == call_resolution.LAMBDA_VARIABLES:
                return self._build_variable(node, frame)
        try:
            return self._build_answer(node, frame)
        except FunctionError as failure:
            raise call_resolution.make_call_error(node, failure) from failure
        except RecursionError as failure:
            raise call_resolution.make_nesting_error(node) from failure

    def _build_answer(self, node: ArmCall, frame: LambdaFrame) -> Value:
        if node.key in self._hosts:
            return self._hosts[node.key](self._scope, self._evaluate_arguments(node, frame))
        function = load_registry().get(node.key)
        if function is None:
            raise FunctionError("the function is not known")
        problem = function.explain_wrong_count(len(node.arguments))
        if problem:
            raise FunctionError(problem)
        if function.lazy:
            return function.body([partial(self.evaluate, argument, frame) for argument in node.arguments])
        return function.body(self._evaluate_arguments(node, frame))

    def _evaluate_arguments(self, node: ArmCall, frame: LambdaFrame) -> list[Value]:
        return [self.evaluate(argument, frame) for argument in node.arguments]

    def _build_variable(self, node: ArmCall, frame: LambdaFrame) -> Value:
        name = call_resolution.get_variable_name(node)
        if name in frame.variables:
            return frame.variables[name]
        raise ArmError("lambdaVariables", f"no lambda around it has the parameter {name!r}", node.offset)
