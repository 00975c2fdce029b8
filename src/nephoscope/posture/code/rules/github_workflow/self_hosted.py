"""Self-hosted runners should not be used by public repositories."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.workflow.runners import is_self_hosted
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-self-hosted",
    title="Self-hosted runners should not be used by public repositories",
    severity=Severity.MEDIUM,
    description="A self-hosted runner keeps what a job leaves behind and is part of your network.",
    steps=(
        "Use hosted runners, or runners that are deleted after each job.",
        "Require approval for pull requests of strangers.",
    ),
    equivalents=("zizmor:self-hosted-runner",),
    optional=True,
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each job on a self-hosted runner."""
    for job in workflow.jobs:
        key = job.node.key("runs-on")
        if key is not None and is_self_hosted(job):
            yield CodeMatch(key.span, "the job runs on a self-hosted runner", subject=f"job {job.id}")
