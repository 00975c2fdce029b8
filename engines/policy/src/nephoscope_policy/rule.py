"""A definition with its parameters folded in: what bulk evaluation runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nephoscope_policy import guards, judgement
from nephoscope_policy.arm import ArmError
from nephoscope_policy.arm.tree import Call, Property, walk
from nephoscope_policy.check import is_pure, templates
from nephoscope_policy.compiled import Compiled
from nephoscope_policy.errors import PolicyError, suggestion
from nephoscope_policy.explain import value
from nephoscope_policy.gap import NOT_COLLECTED, STALE, UNDECIDED
from nephoscope_policy.keywords import EFFECTS, IF_NOT_EXISTS, SCANNED_MODES
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.resource_id import ResourceId
from nephoscope_policy.operators import boolish
from nephoscope_policy.paths import MISSING
from nephoscope_policy.reads import NOTHING, Fields, Reads
from nephoscope_policy.result import COMPLIANT
from nephoscope_policy.scope import Scope
from nephoscope_policy.steps import Tally
from nephoscope_policy.tree import Literal, ValueRef
from nephoscope_policy.view import View

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope_policy import tree
    from nephoscope_policy.aliases import Aliases
    from nephoscope_policy.context import Context
    from nephoscope_policy.result import Result
    from nephoscope_policy.snapshot import Snapshot
    from nephoscope_policy.switches import Switches

#: Causes of verdicts that conditions decided: their reasons are worked out by the interpreter.
_EXPLAINED = ("not-applicable", NOT_COLLECTED, STALE, *UNDECIDED)
_PARAMETERS_ONLY = frozenset({"parameters"})


class Folder:
    """Gives the value of operands that depend on parameters alone, else MISSING."""

    __slots__ = ("scope",)

    def __init__(self, parameters: dict[str, Any]) -> None:
        self.scope: Scope = _ParameterScope(parameters)
        """A scope in which only parameters() can be asked."""

    def __call__(self, operand: tree.Operand) -> Any:
        """The value known beforehand; an expression that fails is left to the evaluation to report."""
        if not is_pure(operand, _PARAMETERS_ONLY):
            return MISSING
        try:
            return value(operand, self.scope)
        except ArmError:
            return MISSING


class _ParameterScope(Scope):
    """A scope in which only parameters() can be asked."""

    __slots__ = ()

    def __init__(self, parameters: dict[str, Any]) -> None:
        self.parameters = parameters


def _of_type(type_: str) -> View:
    """A bare resource of a type, for what depends on the type alone."""
    return View(Resource(ResourceId("", type_, "", "", "", ""), {}))


def _existence_leaves(tree_: tree.Tree) -> Iterator[tree.Leaf]:
    existence = tree_.then.existence
    if existence is not None and existence.condition is not None:
        yield from guards.leaves(existence.condition)


def _asks_identity(leaf: tree.Leaf) -> bool:
    """Whether a leaf reads requestContext().identity."""
    operands = [leaf.operand, *([leaf.subject.operand] if isinstance(leaf.subject, ValueRef) else [])]
    nodes = (
        node
        for operand in operands
        for template in templates(operand)
        for node in walk(template.expression.tree)
    )
    return any(
        isinstance(node, Property)
        and node.name.lower() == "identity"
        and isinstance(node.target, Call)
        and node.target.key == "requestcontext"
        for node in nodes
    )


class Rule:
    """A bound definition. `effect` is spelled as given, `types` are the lower-cased types the rule can hold for (None: any)."""

    def __init__(self, tree_: tree.Tree, parameters: dict[str, Any]) -> None:
        self.tree = tree_
        self.parameters = parameters
        self.tally = Tally()
        self.fold = Folder(parameters)
        self.effect = self._effect()
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
        leaves = [*guards.leaves(tree_.condition), *_existence_leaves(tree_)]
        for leaf in leaves:
            self._check_presence(leaf)
        self.needs_request = any(map(_asks_identity, guards.leaves(tree_.condition)))
        self._ended = judgement.ended(self)
        self.types = guards.types(tree_.condition, self.fold)
        self._considered = guards.considered(tree_.condition)
        self._compiled: dict[str | tuple[str, str], Compiled] = {}
        self._aliases: Aliases | None = None
        self._switches: Switches | None = None
        self._fields: Fields | None = None
        self._reads: dict[tuple[Aliases, str, str], Reads] = {}

    def _check_presence(self, leaf: tree.Leaf) -> None:
        """An `exists` whose parameter is neither true nor false would silently ask for absence."""
        if leaf.operator != "exists" or isinstance(leaf.operand, Literal):
            return
        found = self.fold(leaf.operand)
        if found is not MISSING and boolish(found) is None:
            raise PolicyError(
                f"'exists' takes true or false, not {found!r}", f"{leaf.path}.exists", "compile"
            )

    def _effect(self) -> str:
        found = self.fold(self.tree.then.effect)
        path = self.tree.then.effect_path
        if not isinstance(found, str):
            raise PolicyError("the effect must be a text that depends on parameters alone", path, "compile")
        if found.lower() not in EFFECTS:
            raise PolicyError(
                f"'{found}' is not an effect{suggestion(found, EFFECTS.values())}", path, "compile"
            )
        return found

    @property
    def default_state(self) -> str:
        """The state of a manual rule that nobody attested, 'Unknown' where the details give none."""
        given = self.tree.then.default_state
        found = self.fold(given) if given is not None else None
        return found if isinstance(found, str) else "Unknown"

    def reads(self, type_: str, aliases: Aliases, api_version: str = "") -> Reads:
        """What the rule reads of the body of a resource of a lower-cased type that it judges."""
        if self._ended is not None:
            return NOTHING
        key = (aliases, type_, api_version if aliases.versioned else "")
        found = self._reads.get(key)
        if found is None:
            fields = self._fields = self._fields or Fields(self.tree, self.fold)
            found = self._reads[key] = fields.of(aliases, type_, key[2], indexed=self.indexed)
        return found

    def applies_to(self, type_: str) -> bool:
        """Whether the rule can hold for a type (in any case)."""
        return self.types is None or type_.lower() in self.types

    def applicable(self, view: View, switches: Switches) -> bool:
        """Whether a resource for which the `if` is false still counts as compliant (Azure's applicability)."""
        if self.if_not_exists or self.effect_key == "manual":
            return False
        if not self._considered:
            return True
        return guards.applicable(self.tree.condition, view, self._considered, self.fold, switches)

    def settled_applicability(self, type_: str, switches: Switches) -> bool | None:
        """What `applicable` yields for every resource of a type, None where it depends on the resource."""
        if self.if_not_exists or self.effect_key == "manual":
            return False
        if self._considered - {"type"} or guards.reads_case(self.tree.condition):
            return None
        return self.applicable(_of_type(type_), switches)

    def compiled(self, type_: str, api_version: str, snapshot: Snapshot) -> Compiled:
        """The closures for a lower-cased type, made when first asked for."""
        if self._aliases is not snapshot.aliases or self._switches is not snapshot.switches:
            self._compiled = {}
            self._aliases, self._switches = snapshot.aliases, snapshot.switches
        key = (type_, api_version) if api_version else type_
        found = self._compiled.get(key)
        if found is None:
            found = self._compiled[key] = Compiled(
                self, snapshot.aliases, snapshot.switches, type_, api_version
            )
        return found

    def verdict(self, resource: Resource, snapshot: Snapshot, context: Context) -> Result:
        """Judge a resource, compiled, without reasons and details: the way for bulk evaluation."""
        return self.verdict_of(snapshot.view(resource), snapshot, context)

    def verdict_of(self, view: View, snapshot: Snapshot, context: Context) -> Result:
        """The same for a view that the snapshot holds."""
        if self._ended is not None:
            return self._ended
        aliases = snapshot.aliases
        version = (context.api_version or view.api_version) if aliases.versioned else ""
        if aliases is self._aliases and snapshot.switches is self._switches:
            found = self._compiled.get((view.type, version) if version else view.type)
            if found is not None:
                return found.verdict(view, snapshot, context)
        return self.compiled(view.type, version, snapshot).verdict(view, snapshot, context)

    def evaluate(self, resource: Resource, snapshot: Snapshot, context: Context) -> Result:
        """Judge a resource, compiled; reasons and details are worked out when they are asked for."""
        view = snapshot.view(resource)
        result = self.verdict_of(view, snapshot, context)
        if result.state is not COMPLIANT and not result.matched and result.cause not in _EXPLAINED:
            return result
        return result.explained_by(lambda: judgement.explained(self, view, snapshot, context))

    def explain(self, resource: Resource, snapshot: Snapshot, context: Context) -> Result:
        """Judge a resource with the tree-walking interpreter, with all reasons."""
        return judgement.explained(self, snapshot.view(resource), snapshot, context)
