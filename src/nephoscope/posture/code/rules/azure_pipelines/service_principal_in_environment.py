"""Keys of service connections should not be in the environment of scripts."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.pipeline_model import Pipeline
from nephoscope.collect.templates.source_text import TextSpan
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="azure-service-principal-in-environment",
    title="Keys of service connections should not be in the environment of scripts",
    severity=Severity.MEDIUM,
    description=(
        "addSpnToEnvironment gives the script, and each program that it starts, the key or token of the service connection: "
        "a package that is compromised takes it along."
    ),
    steps=(
        "Remove addSpnToEnvironment: az is signed in already.",
        "Let a program that needs a token ask for it: az account get-access-token.",
    ),
)


def check(pipeline: Pipeline) -> Iterator[CodeMatch]:
    """Give each task that puts the key of its service connection into the environment."""
    for step in pipeline.steps:
        inputs = step.node.get("inputs")
        for key, node in inputs.pairs if inputs is not None else []:
            if key.text.lower() == "addspntoenvironment" and node.is_true:
                yield CodeMatch(
                    TextSpan(key.span.start, node.span.end),
                    "the key of the service connection is in the environment of the script",
                    ((node.span, "false"),),
                    step.subject,
                )
