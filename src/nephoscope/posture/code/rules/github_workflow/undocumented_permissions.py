"""Rights should say what they are for."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.source_text import Span
from nephoscope.collect.templates.workflow.model import Workflow
from nephoscope.posture.code.match import Match
from nephoscope.posture.code.rule import CodeRule
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


def check(workflow: Workflow) -> Iterator[Match]:
    """Give each right without a comment in its line."""
    nodes = [workflow.get("permissions"), *(job.get("permissions") for job in workflow.jobs)]
    for node in nodes:
        for key, value in node.pairs if node is not None else []:
            rest = workflow.source.text[value.span.end :].split("\n", 1)[0]
            if (
                "#" not in rest
                and not (key.text == "contents" and value.text == "read")
                and value.text != "none"
            ):
                yield Match(Span(key.span.start, value.span.end), f"no comment says what {key.text} is for")
