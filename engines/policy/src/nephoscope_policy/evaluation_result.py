"""Evaluation result: the outcome of a rule for one resource."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_policy.model.state import ComplianceState

if TYPE_CHECKING:
    from collections.abc import Callable

    from nephoscope_policy.model.assessment import Reason


class Result:
    """The end of an evaluation; equal results have the same state, effect, cause, matched and details.

    `effect` is the effect after parameters, spelled as given. `matched` says that the rule asks for its effect on this
    resource (the `if` holds, and for *IfNotExists no related resource suffices). `cause` is the short machine word behind
    NotApplicable, Unknown and Error, `description` the same as a sentence. `details` are the effect's details with
    expressions evaluated (modify, append, the related type), None where there are none. `reasons` are the leaf conditions
    that decided; after a compiled evaluation they are worked out when first asked for.
    """

    __slots__ = ("_details", "_explain", "_reasons", "cause", "description", "effect", "matched", "state")

    def __init__(
        self,
        state: ComplianceState,
        effect: str = "",
        reasons: tuple[Reason, ...] = (),
        cause: str = "",
        description: str = "",
        *,
        matched: bool = False,
        details: Callable[[], object] | None = None,
        explain: Callable[[], Result] | None = None,
    ) -> None:
        self.state = state
        self.effect = effect
        self.cause = cause
        self.description = description
        self.matched = matched
        self._reasons = reasons
        self._details = details
        self._explain = explain

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """The leaf conditions that decided."""
        self._fill_explanation()
        return self._reasons

    @property
    def details(self) -> object:
        """The effect's details, evaluated; raises ArmError where one of their expressions fails."""
        self._fill_explanation()
        return None if self._details is None else self._details()

    def with_explanation(self, explain: Callable[[], Result]) -> Result:
        """Return the same end, whose reasons and details come from an explanation made when they are asked for."""
        return Result(
            self.state, self.effect, (), self.cause, self.description, matched=self.matched, explain=explain
        )

    def _fill_explanation(self) -> None:
        if self._explain is not None:
            full, self._explain = self._explain(), None
            self._reasons, self._details = full._reasons, full._details  # noqa: SLF001 - the same class

    def verdict(self) -> tuple[ComplianceState, str, str, bool]:
        """Return what two engines must agree on."""
        return (self.state, self.effect, self.cause, self.matched)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Result) and self.verdict() == other.verdict()

    def __hash__(self) -> int:
        return hash(self.verdict())

    def __repr__(self) -> str:
        extra = f", cause={self.cause!r}" if self.cause else ""
        return f"Result({self.state.value}, effect={self.effect!r}{extra}, matched={self.matched})"


COMPLIANT = ComplianceState.COMPLIANT
NON_COMPLIANT = ComplianceState.NON_COMPLIANT
NOT_APPLICABLE = ComplianceState.NOT_APPLICABLE
UNKNOWN = ComplianceState.UNKNOWN
ERROR = ComplianceState.ERROR
