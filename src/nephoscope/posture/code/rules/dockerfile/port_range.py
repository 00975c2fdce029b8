"""Exposed ports should be from 0 to 65535."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3011",
    title="Exposed ports should be from 0 to 65535",
    severity=Severity.LOW,
    description="A port outside of the range cannot be opened.",
    steps=("Write a valid port.",),
    equivalents=("hadolint:DL3011",),
)

_PORTS = re.compile(r"(\d+)(?:-(\d+))?(?:/\w+)?")


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each port that does not exist."""
    for instruction in file.list_instructions("EXPOSE"):
        for word in instruction.words:
            match = _PORTS.fullmatch(word.text)
            if match and max(int(part) for part in match.groups() if part) > 65535:
                yield CodeMatch(word.span, f"{word.text} is no port")
