"""Labels should have valid keys."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.docker.labels import label_words
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3048",
    title="Labels should have valid keys",
    severity=Severity.LOW,
    description="A key has lower-case letters, digits, dots and dashes; namespaces of Docker are reserved.",
    steps=("Rename the label.",),
    equivalents=("hadolint:DL3048",),
)

_KEY = re.compile(r"[a-z](?:[a-z0-9_/]|[.-](?![.-]))*[a-z0-9]|[a-z]")
_RESERVED = ("com.docker.", "io.docker.", "org.dockerproject.")


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each label whose key is not valid."""
    for key, _, word in label_words(file):
        if not _KEY.fullmatch(key) or key.startswith(_RESERVED):
            yield CodeMatch(word.span, f"{key} is no valid key of a label")
