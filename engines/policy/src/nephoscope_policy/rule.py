"""A definition with its parameters folded in: what bulk evaluation runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_policy import policy_evaluation
from nephoscope_policy.compiled import CompiledPolicy
from nephoscope_policy.data_gap import NOT_COLLECTED, STALE, UNDECIDED
from nephoscope_policy.evaluation_result import COMPLIANT
from nephoscope_policy.folded_rule import FoldedRule
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.resource_view import View

if TYPE_CHECKING:
    from collections.abc import Callable

    from nephoscope_policy import tree
    from nephoscope_policy.aliases import Aliases
    from nephoscope_policy.context import EvaluationContext
    from nephoscope_policy.engine_differences import Switches
    from nephoscope_policy.evaluation_result import Result
    from nephoscope_policy.snapshot import Snapshot

    #: Judges a view of a snapshot.
    Judge = Callable[[View, Snapshot, EvaluationContext], Result]

#: Causes of verdicts that conditions decided: their reasons are worked out by the interpreter.
_EXPLAINED = ("not-applicable", NOT_COLLECTED, STALE, *UNDECIDED)


class Rule(FoldedRule):
    """A bound definition as bulk evaluation runs it: compiled for a type when the first resource of it comes."""

    def __init__(self, tree_: tree.Tree, parameters: dict[str, object]) -> None:
        super().__init__(tree_, parameters)
        self._ended = policy_evaluation.find_fixed_result(self)
        self._compiled: dict[str | tuple[str, str], CompiledPolicy] = {}
        self._aliases: Aliases | None = None
        self._switches: Switches | None = None

    def compile_for_type(self, type_: str, api_version: str, snapshot: Snapshot) -> CompiledPolicy:
        """The closures for a lower-cased type, made when first asked for."""
        if self._aliases is not snapshot.aliases or self._switches is not snapshot.switches:
            self._compiled = {}
            self._aliases, self._switches = snapshot.aliases, snapshot.switches
        key = (type_, api_version) if api_version else type_
        found = self._compiled.get(key)
        if found is None:
            found = self._compiled[key] = CompiledPolicy(
                self, snapshot.aliases, snapshot.switches, type_, api_version
            )
        return found

    def make_assessor(self, type_: str, snapshot: Snapshot) -> Judge:
        """Return what `evaluate_view` is for views of a lower-cased type, without what is the same for all of them."""
        if self._ended is not None or snapshot.aliases.versioned:
            return self.evaluate_view
        return self.compile_for_type(type_, "", snapshot).assess

    def assess(self, resource: Resource, snapshot: Snapshot, context: EvaluationContext) -> Result:
        """Judge a resource, compiled, without reasons and details: the way for bulk evaluation."""
        return self.evaluate_view(snapshot.get_view(resource), snapshot, context)

    def evaluate_view(self, view: View, snapshot: Snapshot, context: EvaluationContext) -> Result:
        """Return the same for a view that the snapshot holds."""
        if self._ended is not None:
            return self._ended
        aliases = snapshot.aliases
        version = (context.api_version or view.api_version) if aliases.versioned else ""
        if aliases is self._aliases and snapshot.switches is self._switches:
            found = self._compiled.get((view.type, version) if version else view.type)
            if found is not None:
                return found.assess(view, snapshot, context)
        return self.compile_for_type(view.type, version, snapshot).assess(view, snapshot, context)

    def evaluate(self, resource: Resource, snapshot: Snapshot, context: EvaluationContext) -> Result:
        """Judge a resource, compiled; reasons and details are worked out when they are asked for."""
        view = snapshot.get_view(resource)
        result = self.evaluate_view(view, snapshot, context)
        if result.state is not COMPLIANT and not result.matched and result.cause not in _EXPLAINED:
            return result
        return result.with_explanation(lambda: policy_evaluation.explain_rule(self, view, snapshot, context))

    def explain(self, resource: Resource, snapshot: Snapshot, context: EvaluationContext) -> Result:
        """Judge a resource with the tree-walking interpreter, with all reasons."""
        return policy_evaluation.explain_rule(self, snapshot.get_view(resource), snapshot, context)
