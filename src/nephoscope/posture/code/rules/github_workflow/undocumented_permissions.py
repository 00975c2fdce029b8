"""Rights should say what they are for."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.source_text import TextSpan
from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.collect.templates.yaml_tree import YamlNode
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-undocumented-permissions",
    title="Rights should say what they are for",
    severity=Severity.INFORMATIONAL,
    description="A right without a reason is never taken away.",
    steps=("Add a comment behind the right.",),
    equivalents=("zizmor:undocumented-permissions",),
    optional=True,
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give the first right of each list without a comment in its line."""
    nodes = [workflow.get("permissions"), *(job.get("permissions") for job in workflow.jobs)]
    for node in nodes:
        bare = (
            [pair for pair in node.pairs if not _is_permission_documented(workflow, *pair)]
            if node is not None
            else []
        )
        if bare:
            names = ", ".join(key.text for key, _ in bare)
            yield CodeMatch(
                TextSpan(bare[0][0].span.start, bare[0][1].span.end),
                f"no comment gives the reason of {names}",
            )


def _is_permission_documented(workflow: Workflow, key: YamlNode, value: YamlNode) -> bool:
    rest = workflow.source.text[value.span.end :].split("\n", 1)[0]
    return "#" in rest or value.text == "none" or (key.text == "contents" and value.text == "read")
