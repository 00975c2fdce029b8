"""An expression: what `parse` returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from nephoscope_policy.arm import call_resolution as calls
from nephoscope_policy.arm.call_resolution import Functions, Hosts
from nephoscope_policy.arm.compiler import compile_node
from nephoscope_policy.arm.interpreter import interpret_node, interpret_with_lambdas
from nephoscope_policy.arm.parser import parse_tree
from nephoscope_policy.arm.tree import ArmCall, Node, format_node, walk_nodes
from nephoscope_policy.arm.value import Value


@dataclass(frozen=True, slots=True)
class ArmExpression:
    """A parsed template expression: its text, its tree, and the lower-cased names of all functions it calls."""

    text: str = field(compare=False)
    tree: Node
    calls: frozenset[str] = field(compare=False)

    def check(self, hosts: Hosts) -> None:
        """Raise ArmSyntaxError at the first call of an unknown function or with a wrong number of arguments."""
        calls.check_calls(self.tree, hosts)

    def compile(self, hosts: Hosts, functions: Functions | None = None) -> Callable[[object], Value]:
        """A function from a scope to the value, which raises ArmError; parts that ask no host are computed now.

        `functions` are the pure ones (the registry where none are given; `build_partial_registry()` where values may be unknown).
        A part that fails while it is computed raises when it is run. Results may be shared between runs: do not change them.
        """
        return compile_node(self.tree, hosts, functions)

    def interpret(self, hosts: Hosts, scope: object) -> Value:
        """The value by a plain walk over the tree; raises ArmError. Equals what `compile` gives."""
        walk_tree = interpret_node if calls.LAMBDA in self.calls else interpret_with_lambdas
        return walk_tree(self.tree, hosts, scope)

    def __str__(self) -> str:
        return f"[{format_node(self.tree)}]"


def parse(text: str) -> ArmExpression:
    """Parse `[...]`; raises ArmSyntaxError with the offset in `text`."""
    tree = parse_tree(text)
    return ArmExpression(
        text, tree, frozenset(node.key for node in walk_nodes(tree) if isinstance(node, ArmCall))
    )
