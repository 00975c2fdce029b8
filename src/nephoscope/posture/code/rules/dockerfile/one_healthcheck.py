"""A stage should have one HEALTHCHECK."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3012",
    title="A stage should have one HEALTHCHECK",
    severity=Severity.LOW,
    description="Only the last HEALTHCHECK of a stage has an effect; the others mislead.",
    steps=("Keep the last HEALTHCHECK and remove the others.",),
    equivalents=("hadolint:DL3012",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each HEALTHCHECK after the first of its stage."""
    seen: set[tuple[int, bool]] = set()
    for instruction in file.list_instructions("HEALTHCHECK"):
        place = (instruction.stage, instruction.trigger)
        if place in seen:
            yield CodeMatch(
                instruction.keyword_span, "the stage has more than one health check: only the last counts"
            )
        seen.add(place)
