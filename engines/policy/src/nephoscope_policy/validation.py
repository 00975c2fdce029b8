"""Validation of a policy rule after parsing: aliases, functions and parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_policy import tree
from nephoscope_policy.aliases import UnknownAlias
from nephoscope_policy.arm import ArmSyntaxError, load_registry
from nephoscope_policy.arm.tree import ArmCall, ArmLiteral, walk_nodes
from nephoscope_policy.errors import PolicyError, suggest_word
from nephoscope_policy.evaluation_scope import HOSTS
from nephoscope_policy.keywords import FORBIDDEN, HASHES, SCANNED_MODES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope_policy.aliases import Aliases
    from nephoscope_policy.engine_differences import Switches


class Checker:
    """Checks one tree against an alias table; `errors` collects what is wrong."""

    def __init__(
        self, aliases: Aliases, switches: Switches, declared: dict[str, tree.Parameter], prefix: str
    ) -> None:
        self.errors: list[PolicyError] = []
        self._aliases = aliases
        self._switches = switches
        self._declared = declared
        self._prefix = prefix

    def check_definition(self, parsed: tree.Tree) -> None:
        """Check the whole definition; aliases of data-plane modes belong to their own evaluators."""
        scanned = parsed.mode.lower() in SCANNED_MODES
        self._check_condition(
            parsed.condition, scanned, hashes=self._switches.hash_functions_in_if == "allowed"
        )
        self._check_operand(parsed.then.effect, parsed.then.effect_path, scanned)
        existence = parsed.then.existence
        if existence is not None:
            for name in ("type", "name", "resource_group", "scope"):
                operand = getattr(existence, name)
                if operand is not None:
                    self._check_operand(operand, f"{existence.path}.{name}", scanned)
            if existence.condition is not None:
                self._check_condition(existence.condition, scanned)
        if parsed.then.default_state is not None:
            self._check_operand(parsed.then.default_state, "policyRule.then.details.defaultState", scanned)
        for operation in parsed.then.operations or ():
            self._check_changeable_operation(operation)
            self._check_field(operation.target, f"{operation.path}.field", scanned)
            for operand in (operation.value, operation.condition):
                if operand is not None:
                    self._check_operand(operand, operation.path, scanned)

    def _check_changeable_operation(self, operation: tree.EffectOperation) -> None:
        """An alias that its provider says cannot be modified has no place in a modify effect."""
        alias = self._aliases.get(operation.target.text) if operation.operation != "append" else None
        if alias is not None and alias.modifiable is False:
            path = f"{operation.path}.field"
            self._report_failure(
                path, f"the alias '{operation.target.text}' is not modifiable, its provider says"
            )

    def _report_failure(self, path: str, message: str) -> None:
        self.errors.append(PolicyError(message, f"{self._prefix}{path}", "compile"))

    def _check_condition(self, node: tree.Condition, scanned: bool, *, hashes: bool = True) -> None:
        if isinstance(node, tree.Not):
            self._check_condition(node.child, scanned, hashes=hashes)
        elif isinstance(node, tree.Leaf):
            self._check_leaf(node, scanned, hashes)
        else:
            for child in node.children:
                self._check_condition(child, scanned, hashes=hashes)

    def _check_leaf(self, leaf: tree.Leaf, scanned: bool, hashes: bool) -> None:
        self._check_operand(leaf.operand, f"{leaf.path}.{leaf.operator}", scanned, hashes)
        self._check_subject(leaf.subject, leaf.path, scanned, hashes)

    def _check_subject(
        self,
        subject: tree.FieldRef | tree.ValueRef | tree.CountExpression,
        path: str,
        scanned: bool,
        hashes: bool,
    ) -> None:
        if isinstance(subject, tree.FieldRef):
            self._check_field(subject, f"{path}.field", scanned, hashes)
        elif isinstance(subject, tree.ValueRef):
            self._check_operand(subject.operand, f"{path}.value", scanned, hashes)
        else:
            self._check_subject(subject.over, subject.path, scanned, hashes)
            self._check_count(subject, scanned)
            if subject.where is not None:
                self._check_condition(subject.where, scanned, hashes=hashes)

    def _check_count(self, count: tree.CountExpression, scanned: bool) -> None:
        over = count.over
        if (
            scanned
            and isinstance(over, tree.FieldRef)
            and isinstance(over.name, tree.PolicyLiteral)
            and "[*]" not in over.text
        ):
            self._report_failure(
                f"{count.path}.field", f"a count goes over an array: did you mean '{over.text}[*]'?"
            )

    def _check_field(self, field: tree.FieldRef, path: str, scanned: bool, hashes: bool = True) -> None:
        if isinstance(field.name, tree.TemplateExpression):
            self._check_operand(field.name, path, scanned, hashes)
        elif scanned:
            self._check_alias(field.text, path)

    def _check_alias(self, text: str, path: str) -> None:
        try:
            self._aliases.resolve_field(text)
        except (UnknownAlias, ValueError) as error:
            self._report_failure(path, str(error))

    def _check_operand(self, operand: tree.Operand, path: str, scanned: bool, hashes: bool = True) -> None:
        for template in iterate_templates(operand):
            where = template.path or path
            calls = [node for node in walk_nodes(template.expression.tree) if isinstance(node, ArmCall)]
            known = [self._check_call(call, where, scanned, hashes) for call in calls]
            if all(known):
                self._check_functions(template, where)

    def _check_functions(self, template: tree.TemplateExpression, path: str) -> None:
        try:
            template.expression.check(HOSTS)
        except ArmSyntaxError as error:
            self._report_failure(path, f"{template.text}: {error}")

    def _check_call(self, call: ArmCall, path: str, scanned: bool, hashes: bool) -> bool:
        """Check one call; False for a function that policy rules do not have."""
        name = call.name.lower()
        function = load_registry().get(name)
        if name in FORBIDDEN or (name not in HOSTS and function is not None and not function.policy):
            self._report_failure(path, f"the function {call.name}() is not available in policy rules")
            return False
        if name in HASHES and not hashes:
            self._report_failure(
                path,
                f"{call.name}() cannot decide an 'if': its hash is not published (see docs/decisions/0024)",
            )
        first: object = call.arguments[0] if call.arguments else None
        text = first.value if isinstance(first, ArmLiteral) and isinstance(first.value, str) else None
        if name == "parameters" and text is not None and text.lower() not in self._declared:
            known = suggest_word(text, [parameter.name for parameter in self._declared.values()])
            self._report_failure(path, f"the parameter '{text}' is not declared{known}")
        elif name == "field" and text is not None and scanned:
            self._check_alias(text, path)
        return True


def iterate_templates(operand: tree.Operand) -> Iterator[tree.TemplateExpression]:
    """Every expression in an operand."""
    if isinstance(operand, tree.TemplateExpression):
        yield operand
    elif isinstance(operand, tree.ListExpression):
        for item in operand.items:
            yield from iterate_templates(item)
    elif isinstance(operand, tree.ObjectExpression):
        for _, value in operand.items:
            yield from iterate_templates(value)


def is_pure(operand: tree.Operand, free: frozenset[str]) -> bool:
    """Return whether an operand needs no surroundings beyond the host functions named in `free`."""
    return all(
        template.expression.calls.isdisjoint(HOSTS.keys() - free) for template in iterate_templates(operand)
    )
