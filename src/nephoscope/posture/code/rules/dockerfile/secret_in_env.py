"""Secrets should not be in ARG or ENV."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.docker.commands import list_env_pairs
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3064",
    title="Secrets should not be in ARG or ENV",
    severity=Severity.HIGH,
    description=(
        "Values of ARG and ENV stay in the history and the configuration of the image, for everybody who "
        "can pull it."
    ),
    steps=(
        "Pass the secret by RUN --mount=type=secret.",
        "Rotate the secret: anyone who has pulled the image has it.",
    ),
    equivalents=("hadolint:DL3064",),
    tags=("IM-8",),
    conceals=True,
)

_SECRET = re.compile(
    r"passw(?:or)?d|(?:^|_)(?:pass|pwd|secrets?|tokens?|apikey|credentials?|private_?key|access_?key(?:_id)?|secret_?key|auth)(?:$|_)|api_?key",
    re.IGNORECASE,
)
_FILE = re.compile(r"_(?:file|path|dir|url|uri|name|endpoint|timeout|ttl|expiry|length)$", re.IGNORECASE)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each variable whose name says that it is a secret."""
    for instruction in file.list_instructions("ARG", "ENV"):
        for name, _ in list_env_pairs(instruction):
            if _SECRET.search(name) and not _FILE.search(name):
                yield CodeMatch(instruction.span, f"{name} looks like a secret: it stays in the image")
