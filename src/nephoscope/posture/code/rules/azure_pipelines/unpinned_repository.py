"""Templates of other repositories should be pinned."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.templates.pipeline_model import Pipeline
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="azure-unpinned-repository",
    title="Templates of other repositories should be pinned",
    severity=Severity.MEDIUM,
    description=(
        "A repository that is named without ref, or by a branch, brings its newest templates, which run "
        "with the rights of the pipeline."
    ),
    steps=("Name a tag or a commit by ref: refs/tags/...",),
)


def check(pipeline: Pipeline) -> Iterator[CodeMatch]:
    """Give each repository resource that a branch names."""
    listed = pipeline.root.get("resources", "repositories")
    for item in listed.items if listed is not None else []:
        ref = item.get("ref")
        if ref is None or not (ref.text.startswith("refs/tags/") or re.fullmatch(r"[0-9a-f]{40}", ref.text)):
            yield CodeMatch((ref or item).span, "the templates of the repository are the newest of a branch")
