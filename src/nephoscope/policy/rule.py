"""A definition with its parameters folded in: what bulk evaluation runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nephoscope.arm import ArmError
from nephoscope.policy import guards, judgement
from nephoscope.policy.check import is_pure
from nephoscope.policy.document import get
from nephoscope.policy.errors import PolicyError, suggestion
from nephoscope.policy.explain import value
from nephoscope.policy.keywords import EFFECTS, IF_NOT_EXISTS, SCANNED_MODES
from nephoscope.policy.paths import MISSING
from nephoscope.policy.scope import Scope

if TYPE_CHECKING:
    from nephoscope.model.resource import Resource
    from nephoscope.policy import tree
    from nephoscope.policy.context import Context
    from nephoscope.policy.result import Result
    from nephoscope.policy.snapshot import Snapshot
    from nephoscope.policy.switches import Switches
    from nephoscope.policy.view import View

_PARAMETERS_ONLY = frozenset({"parameters"})


class Folder:
    """Gives the value of operands that depend on parameters alone, else MISSING."""

    __slots__ = ("_parameters",)

    def __init__(self, parameters: dict[str, Any]) -> None:
        self._parameters = parameters

    def __call__(self, operand: tree.Operand) -> Any:
        """The value known beforehand; an expression that fails is left to the evaluation to report."""
        if not is_pure(operand, _PARAMETERS_ONLY):
            return MISSING
        try:
            return value(operand, _ParameterScope(self._parameters))
        except ArmError:
            return MISSING


class _ParameterScope(Scope):
    """A scope in which only parameters() can be asked."""

    __slots__ = ()

    def __init__(self, parameters: dict[str, Any]) -> None:
        self.parameters = parameters


class Rule:
    """A bound definition. `effect` is spelled as given, `types` are the lower-cased types the rule can hold for (None: any)."""

    def __init__(self, tree_: tree.Tree, parameters: dict[str, Any]) -> None:
        self.tree = tree_
        self.parameters = parameters
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
        self.types = guards.types(tree_.condition, self.fold)
        self._considered = guards.considered(tree_.condition)

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
        details = self.tree.then.details
        found = get(details, "defaultState") if isinstance(details, dict) else None
        return found if isinstance(found, str) else "Unknown"

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

    def evaluate(self, resource: Resource, snapshot: Snapshot, context: Context) -> Result:
        """Judge a resource, compiled."""
        return judgement.explained(self, snapshot.view(resource), snapshot, context)

    def explain(self, resource: Resource, snapshot: Snapshot, context: Context) -> Result:
        """Judge a resource with the tree-walking interpreter, with all reasons."""
        return judgement.explained(self, snapshot.view(resource), snapshot, context)
