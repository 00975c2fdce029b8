"""Parameters should not be pasted into scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.templates.pipeline_model import Pipeline
from nephoscope.collect.templates.yaml_tree import YamlNode
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.pipeline_checks import find_references
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="azure-parameter-injection",
    title="Parameters should not be pasted into scripts",
    severity=Severity.MEDIUM,
    description="Anyone who starts the pipeline can put a script into a string parameter.",
    steps=("Hand the value over by env:, or restrict it by values: or type:.",),
)

_PARAMETER = re.compile(r"\$\{\{\s*parameters\.([\w-]+)\s*\}\}")


def check(pipeline: Pipeline) -> Iterator[CodeMatch]:
    """Give each reference in a script to a parameter that may be any text."""
    declared = pipeline.root.get("parameters")
    fixed = {
        name.text
        for item in (declared.items if declared is not None else [])
        if (name := item.get("name")) is not None and _is_value_fixed(item)
    }
    for step in pipeline.steps:
        for node in step.scripts:
            for parameter, span in find_references(pipeline, node, _PARAMETER):
                if parameter not in fixed:
                    yield CodeMatch(
                        span, f"the parameter {parameter} becomes part of the script", subject=step.subject
                    )


def _is_value_fixed(item: YamlNode) -> bool:
    kind = item.get("type")
    return item.get("values") is not None or (kind is not None and kind.text in ("boolean", "number"))
