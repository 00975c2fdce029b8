"""apk add should keep no cache."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.collect.templates.source_text import TextSpan
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.docker.commands import list_cached_folders, run_commands
from nephoscope.posture.code.docker.packages import APK
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3019",
    title="apk add should keep no cache",
    severity=Severity.LOW,
    description="The index of packages stays in the image.",
    steps=("Add --no-cache.",),
    equivalents=("hadolint:DL3019",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each apk add that keeps its index."""
    for instruction, command in run_commands(file):
        mounted = any(folder in APK.cache for folder in list_cached_folders(instruction))
        if APK.installs(command) and not command.has_flag("no-cache") and not mounted:
            where = command.words[0].span.end
            yield CodeMatch(
                command.span,
                "apk add keeps its index in the image",
                ((TextSpan(where, where), " --no-cache"),),
            )
