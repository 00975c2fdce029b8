"""A definition with its parameters folded in: what it is, before anything judges by it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from nephoscope_policy import type_guards
from nephoscope_policy.arm.tree import ArmCall, ArmProperty, walk_nodes
from nephoscope_policy.body_paths import MISSING
from nephoscope_policy.constant_folding import ConstantFolder
from nephoscope_policy.errors import PolicyError, suggest_word
from nephoscope_policy.keywords import EFFECTS, IF_NOT_EXISTS, SCANNED_MODES
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.resource_id import ResourceId
from nephoscope_policy.operators import parse_boolean
from nephoscope_policy.read_paths import NOTHING, Reads
from nephoscope_policy.resource_view import View
from nephoscope_policy.rule_reads import FieldReads
from nephoscope_policy.step_limit import StepTally
from nephoscope_policy.tree import PolicyLiteral, ValueRef
from nephoscope_policy.validation import iterate_templates

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope_policy import tree
    from nephoscope_policy.aliases import Aliases
    from nephoscope_policy.engine_differences import Switches


def _build_bare_view(type_: str) -> View:
    """A bare resource of a type, for what depends on the type alone."""
    return View(Resource(ResourceId("", type_, "", "", "", ""), {}))


def _list_existence_leaves(tree_: tree.Tree) -> Iterator[tree.Leaf]:
    existence = tree_.then.existence
    if existence is not None and existence.condition is not None:
        yield from type_guards.iterate_leaves(existence.condition)


def _asks_identity(leaf: tree.Leaf) -> bool:
    """Return whether a leaf reads requestContext().identity."""
    operands = [leaf.operand, *([leaf.subject.operand] if isinstance(leaf.subject, ValueRef) else [])]
    nodes = (
        node
        for operand in operands
        for template in iterate_templates(operand)
        for node in walk_nodes(template.expression.tree)
    )
    return any(
        isinstance(node, ArmProperty)
        and node.name.lower() == "identity"
        and isinstance(node.target, ArmCall)
        and node.target.key == "requestcontext"
        for node in nodes
    )


class FoldedRule:
    """A bound definition. `effect` is spelled as given, `types` are the lower-cased types the rule can hold for (None: any)."""

    def __init__(self, tree_: tree.Tree, parameters: dict[str, object]) -> None:
        self.tree = tree_
        self.parameters = parameters
        self.tally = StepTally()
        self.fold = ConstantFolder(parameters)
        self.effect = self._choose_effect()
        self.effect_key = self.effect.lower()
        self.mode = tree_.mode
        self.indexed = self.mode.lower() == "indexed"
        self.data_plane = self.mode.lower() not in SCANNED_MODES
        self.if_not_exists = self.effect_key in IF_NOT_EXISTS
        if self.if_not_exists and tree_.then.existence is None:
            raise PolicyError(
                f"'{self.effect}' needs details with the 'type' of the related resource",
                tree_.then.effect_path,
                "compile",
            )
        leaves = [*type_guards.iterate_leaves(tree_.condition), *_list_existence_leaves(tree_)]
        for leaf in leaves:
            self._check_presence(leaf)
        self.needs_request = any(map(_asks_identity, type_guards.iterate_leaves(tree_.condition)))
        self.types = type_guards.find_possible_types(tree_.condition, self.fold)
        self.considered = type_guards.find_applicability_fields(tree_.condition)
        self._fields: FieldReads | None = None
        self._reads: dict[tuple[Aliases, str, str], Reads] = {}

    @cached_property
    def looked_up(self) -> tuple[str, str]:
        """The lower-cased type and the name of what it looks up; empty where there is none, or the resource decides it."""
        existence = self.tree.then.existence
        if existence is None or not self.if_not_exists:
            return "", ""
        type_, name = self.fold(existence.type), self.fold(existence.name) if existence.name else ""
        return type_.lower() if isinstance(type_, str) else "", name if isinstance(name, str) else ""

    def _check_presence(self, leaf: tree.Leaf) -> None:
        """An `exists` whose parameter is neither true nor false would silently ask for absence."""
        if leaf.operator != "exists" or isinstance(leaf.operand, PolicyLiteral):
            return
        found = self.fold(leaf.operand)
        if found is not MISSING and parse_boolean(found) is None:
            raise PolicyError(
                f"'exists' takes true or false, not {found!r}", f"{leaf.path}.exists", "compile"
            )

    def _choose_effect(self) -> str:
        found = self.fold(self.tree.then.effect)
        path = self.tree.then.effect_path
        if not isinstance(found, str):
            raise PolicyError("the effect must be a string that depends on parameters alone", path, "compile")
        if found.lower() not in EFFECTS:
            raise PolicyError(
                f"'{found}' is not an effect{suggest_word(found, EFFECTS.values())}", path, "compile"
            )
        return found

    @property
    def default_state(self) -> str:
        """The state of a manual rule that nobody attested, 'Unknown' where the details give none."""
        given = self.tree.then.default_state
        found = self.fold(given) if given is not None else None
        return found if isinstance(found, str) else "Unknown"

    def list_reads(self, type_: str, aliases: Aliases, api_version: str = "") -> Reads:
        """Return what the rule reads of the body of a resource of a lower-cased type that it judges."""
        if self.effect_key == "disabled" or self.data_plane:
            return NOTHING
        key = (aliases, type_, api_version if aliases.versioned else "")
        found = self._reads.get(key)
        if found is None:
            fields = self._fields = self._fields or FieldReads.from_rule(self.tree, self.fold)
            found = self._reads[key] = fields.resolve_reads(aliases, type_, key[2], indexed=self.indexed)
        return found

    def applies_to(self, type_: str) -> bool:
        """Return whether the rule can hold for a type (in any case)."""
        return self.types is None or type_.lower() in self.types

    def is_applicable(self, view: View, switches: Switches) -> bool:
        """Return whether a resource for which the `if` is false still counts as compliant (Azure's applicability)."""
        if self.if_not_exists or self.effect_key == "manual":
            return False
        if not self.considered:
            return True
        return type_guards.is_applicable(self.tree.condition, view, self.considered, self.fold, switches)

    def settle_applicability(self, type_: str, switches: Switches) -> bool | None:
        """Return what `is_applicable` yields for every resource of a type, None where it depends on the resource."""
        if self.if_not_exists or self.effect_key == "manual":
            return False
        if self.considered - {"type"} or type_guards.is_case_sensitive(self.tree.condition):
            return None
        return self.is_applicable(_build_bare_view(type_), switches)
