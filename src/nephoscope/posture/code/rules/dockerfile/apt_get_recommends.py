"""apt-get should install no recommended packages."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.collect.templates.source_text import TextSpan
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.docker.commands import run_commands
from nephoscope.posture.code.docker.packages import APT_GET
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3015",
    title="apt-get should install no recommended packages",
    severity=Severity.LOW,
    description="Recommended packages make the image larger and give an attacker more to use.",
    steps=("Add --no-install-recommends.",),
    equivalents=("hadolint:DL3015",),
)

_OFF = re.compile(r"APT::Install-Recommends\s*=\s*(?:false|0|no|off)", re.IGNORECASE)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each installation that takes recommended packages."""
    for _, command in run_commands(file):
        off = command.has_flag("no-install-recommends") or any(
            _OFF.search(text) for text in command.arguments
        )
        if APT_GET.installs(command) and not off:
            where = next(word.span.end for word in command.words if word.text == "install")
            yield CodeMatch(
                command.span,
                "recommended packages are installed too",
                ((TextSpan(where, where), " --no-install-recommends"),),
            )
