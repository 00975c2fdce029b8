"""Pull requests should not run on self-hosted runners."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-self-hosted-pull-request",
    title="Pull requests should not run on self-hosted runners",
    severity=Severity.HIGH,
    description=(
        "A pull request from a fork runs its code on your machine, in your network, and may stay there."
    ),
    steps=(
        "Run pull requests on hosted runners.",
        "Else use runners that are deleted after each job, and require approval.",
    ),
    equivalents=("poutine:pr_runs_on_self_hosted",),
)

_HOSTED = re.compile(r"(?:ubuntu|windows|macos)-[\w.-]+|\$\{\{.*")


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each job that a pull request starts on a runner that GitHub does not host."""
    if not workflow.is_triggered_by(
        "pull_request",
        "pull_request_target",
        "pull_request_review",
        "pull_request_review_comment",
        "issue_comment",
    ):
        return
    for job in workflow.jobs:
        node = job.get("runs-on")
        if node is None:
            continue
        group, labels = node.get("group"), node.get("labels")
        named = labels.texts() if labels is not None else node.texts()
        if group is not None or any(not _HOSTED.fullmatch(text) for text in named):
            yield CodeMatch(node.span, "a pull request runs on a self-hosted runner", subject=f"job {job.id}")
