"""ENV should not refer to a variable of the same instruction."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.docker.commands import find_variables, list_env_pairs
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3044",
    title="ENV should not refer to a variable of the same instruction",
    severity=Severity.MEDIUM,
    description=(
        "All values of an ENV are expanded before any is set: the reference sees the old value, mostly "
        "nothing."
    ),
    steps=("Set the variable in an ENV of its own before.",),
    equivalents=("hadolint:DL3044",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each ENV with a reference to another of its own variables that nothing set before."""
    for instruction in file.list_instructions("ENV"):
        before = [
            one
            for one in file.list_instructions("ENV", "ARG")
            if one.span.start < instruction.span.start and one.stage == instruction.stage
        ]
        known = {name for one in before for name, _ in list_env_pairs(one)}
        pairs = list_env_pairs(instruction)
        for index, (name, _) in enumerate(pairs):
            others = [value for place, (_, value) in enumerate(pairs) if place != index]
            if name not in known and any(name in find_variables(value) for value in others):
                yield CodeMatch(instruction.span, f"{name} is referred to in the ENV that sets it")
                break
