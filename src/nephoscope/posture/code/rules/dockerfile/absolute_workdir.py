"""WORKDIR should be an absolute path."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3000",
    title="WORKDIR should be an absolute path",
    severity=Severity.LOW,
    description="A relative WORKDIR depends on the instructions and the base image before it.",
    steps=("Write the path from the root, as in WORKDIR /app.",),
    equivalents=("hadolint:DL3000",),
)

_ABSOLUTE = re.compile(r"/|\$|[A-Za-z]:[\\/]|\\\\")


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each WORKDIR that is relative."""
    for instruction in file.list_instructions("WORKDIR"):
        for word in instruction.words[:1]:
            if not _ABSOLUTE.match(word.text):
                yield CodeMatch(word.span, f"WORKDIR {word.text} is relative")
