"""Compiled scope: the evaluation scope of compiled rules, with loop slots and a faster field()."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nephoscope_policy.aliases import UnknownAlias
from nephoscope_policy.arm import ArmError
from nephoscope_policy.body_paths import MISSING, STAR
from nephoscope_policy.evaluation_scope import HOSTS, EvaluationScope

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nephoscope_policy.context import EvaluationContext
    from nephoscope_policy.resource_view import View
    from nephoscope_policy.snapshot import Snapshot
    from nephoscope_policy.step_limit import Steps


class CompiledRun(EvaluationScope):
    """One compiled evaluation; `slots` hold the elements of the running loops, `frames` what functions ask about them."""

    __slots__ = ("slots",)

    def __init__(
        self,
        subject: View,
        snapshot: Snapshot,
        context: EvaluationContext,
        parameters: Mapping[str, object],
        slots: int,
        steps: Steps,
    ) -> None:
        super().__init__(subject, snapshot, context, parameters, steps=steps)
        self.slots: list[object] = [None] * slots


def _build_field(run: EvaluationScope, arguments: list[object]) -> object:
    """field() of one scalar straight from the lower-cased body; everything else as the interpreter does it."""
    text = arguments[0] if len(arguments) == 1 else None
    if type(text) is str:
        view = run.subject
        try:
            path = run.resolve_field(text, view)
        except (UnknownAlias, ValueError) as error:
            raise ArmError("field", str(error)) from error
        if not path.special and STAR not in path.segments:
            value: object = view.folded_body
            for segment in path.segments:
                value = value.get(segment, MISSING) if type(value) is dict else MISSING
            if type(value) is str or type(value) is bool or type(value) is int:
                return value
    return HOSTS["field"](run, arguments)


FAST_HOSTS: Mapping[str, Callable[[Any, list[object]], object]] = {**HOSTS, "field": _build_field}
