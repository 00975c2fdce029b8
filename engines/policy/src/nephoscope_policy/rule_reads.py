"""Rule reads: the paths of a body that a bound rule depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_policy import tree
from nephoscope_policy.aliases import UnknownAlias
from nephoscope_policy.arm import ArmError
from nephoscope_policy.arm.interpreter import interpret_node
from nephoscope_policy.arm.tree import ArmCall, Node, walk_nodes
from nephoscope_policy.evaluation_scope import HOSTS
from nephoscope_policy.model.resource_id import RESOURCE_GROUP_TYPE, SUBSCRIPTION_TYPE
from nephoscope_policy.read_paths import EVERYTHING, Reads
from nephoscope_policy.validation import iterate_templates

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope_policy.aliases import Aliases
    from nephoscope_policy.constant_folding import ConstantFolder


class FieldReads:
    """The fields of the judged resource that a condition or a rule names, in the `if` and in its effect's details.

    `texts` are None where a name is computed from more than parameters. `calls` are the host functions that are asked.
    """

    __slots__ = ("_fold", "calls", "related", "texts")

    def __init__(self, fold: ConstantFolder) -> None:
        self._fold = fold
        self.calls: set[str] = set()
        self.related: set[str | None] = set()
        self.texts: frozenset[str] | None = frozenset()

    @classmethod
    def from_condition(cls, node: tree.Condition, fold: ConstantFolder) -> FieldReads:
        """Return those that one condition names."""
        fields = cls(fold)
        fields._add_name({*fields._list_reads_of_condition(node, own=True)})
        return fields

    @classmethod
    def from_rule(cls, parsed: tree.Tree, fold: ConstantFolder) -> FieldReads:
        """Return those that a whole rule names."""
        fields = cls(fold)
        fields._add_name(
            {
                *fields._list_reads_of_condition(parsed.condition, own=True),
                *fields._list_reads_of_existence(parsed),
            }
        )
        return fields

    def _add_name(self, found: set[str | None]) -> None:
        self.texts = None if None in found else frozenset(text for text in found if text is not None)

    def _list_reads_of_existence(self, parsed: tree.Tree) -> Iterator[str | None]:
        existence = parsed.then.existence
        if existence is not None:
            parts = (existence.type, existence.name, existence.resource_group, existence.scope)
            for part in parts:
                yield from () if part is None else self._list_reads_of_operand(part)
            if existence.condition is not None:
                yield from self._list_reads_of_condition(existence.condition, own=False)
            kind = self._fold(existence.type)
            self.related.add(kind.lower() if isinstance(kind, str) else None)

    def resolve_reads(self, aliases: Aliases, type_: str, api_version: str, *, indexed: bool) -> Reads:
        """Return what is read of a resource of a lower-cased type."""
        itself = self.related & {type_, "*", None}
        container = type_ in (SUBSCRIPTION_TYPE, RESOURCE_GROUP_TYPE)
        if self.texts is None or itself or (container and self.calls & {"subscription", "resourcegroup"}):
            return EVERYTHING
        try:
            paths = [aliases.resolve_field(text, api_version, type_).segments for text in self.texts]
        except (UnknownAlias, ValueError):
            return EVERYTHING
        return Reads.of(path for path in (*paths, ("location",) if indexed else ()) if path)

    def _list_reads_of_condition(self, node: tree.Condition, *, own: bool) -> Iterator[str | None]:
        """The field texts of a condition; one on related resources (not `own`) reads the judged resource by functions alone."""
        if isinstance(node, tree.Leaf):
            yield from self._list_reads_of_operand(node.operand)
            yield from self._list_reads_of_subject(node.subject, own=own)
        else:
            for child in (node.child,) if isinstance(node, tree.Not) else node.children:
                yield from self._list_reads_of_condition(child, own=own)

    def _list_reads_of_subject(
        self, subject: tree.FieldRef | tree.ValueRef | tree.CountExpression, *, own: bool
    ) -> Iterator[str | None]:
        if isinstance(subject, tree.ValueRef):
            yield from self._list_reads_of_operand(subject.operand)
        elif isinstance(subject, tree.CountExpression):
            yield from self._list_reads_of_subject(subject.over, own=own)
            if subject.where is not None:
                yield from self._list_reads_of_condition(subject.where, own=own)
        else:
            yield from self._list_reads_of_operand(subject.name)
            if own:
                name = self._fold(subject.name)
                yield name if isinstance(name, str) else None

    def _list_reads_of_operand(self, operand: tree.Operand) -> Iterator[str | None]:
        for template in iterate_templates(operand):
            self.calls |= template.expression.calls & HOSTS.keys()
            if "field" in template.expression.calls:
                for node in walk_nodes(template.expression.tree):
                    if isinstance(node, ArmCall) and node.key == "field":
                        yield self._find_constant_name(node.arguments)

    def _find_constant_name(self, arguments: tuple[Node, ...]) -> str | None:
        """The text that field() is asked for, None where more than parameters decide it."""
        if len(arguments) != 1:
            return None
        asked = {node.key for node in walk_nodes(arguments[0]) if isinstance(node, ArmCall)}
        if asked & (HOSTS.keys() - {"parameters"}):
            return None
        try:
            found = interpret_node(arguments[0], HOSTS, self._fold.scope)
        except ArmError:
            return None
        return found if isinstance(found, str) else None
