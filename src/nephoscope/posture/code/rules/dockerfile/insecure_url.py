"""Downloads should be encrypted."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.shell_transport import find_unencrypted_downloads, is_address_unencrypted
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="docker-insecure-url",
    title="Downloads should be encrypted",
    severity=Severity.LOW,
    description="An attacker in between can change what is downloaded over HTTP.",
    steps=("Use https.",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each download over http."""
    for instruction in file.instructions:
        if instruction.keyword == "ADD":
            for word in instruction.words[:-1]:
                if is_address_unencrypted(word.text) and instruction.get_flag("checksum") is None:
                    yield CodeMatch(word.span, f"{word.text} is not encrypted")
        elif instruction.keyword == "RUN":
            yield from find_unencrypted_downloads(instruction.commands)
