"""Verdict explanation: the deciding conditions and the places of the values that they read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TextIO, TypeAlias

import msgspec

if TYPE_CHECKING:
    from nephoscope.posture.code.code_rule import CodeRule
    from nephoscope.posture.code.finding import Region
    from nephoscope_policy.model.assessment import Reason
    from nephoscope_policy.model.state import ComplianceState

Wanted: TypeAlias = Callable[[str], bool]
"""Whether the resource of an id is to be explained."""


class ExplainedVerdict(msgspec.Struct, frozen=True):
    """A verdict on a planned resource; each reason has the region that it read, None where no file says it."""

    resource: str
    rule: CodeRule
    state: ComplianceState
    cause: str
    description: str
    reasons: tuple[tuple[Reason, Region | None], ...]


class VerdictExplanation(msgspec.Struct, frozen=True):
    """Choice of the resources whose verdicts are explained, and the writer of the explanations."""

    wants: Wanted
    write: Callable[[Iterable[ExplainedVerdict], TextIO], None]
