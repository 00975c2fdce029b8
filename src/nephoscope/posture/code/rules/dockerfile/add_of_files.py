"""Files should be copied by COPY."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3020",
    title="Files should be copied by COPY",
    severity=Severity.LOW,
    description="ADD also downloads and extracts: what it does depends on the name of the file.",
    steps=("Replace ADD by COPY.",),
    equivalents=("hadolint:DL3020",),
)

_ARCHIVE = re.compile(r"\.(?:tar|tgz|tbz2?|txz|gz|bz2|xz|Z|lzma|tlz|lz|zst|tzst)$")
_REMOTE = re.compile(r"(?:https?|ftp|git|ssh)://|git@")


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each ADD of a file that is no archive."""
    for instruction in file.list_instructions("ADD"):
        sources = [word.text for word in instruction.words[:-1]]
        if any(
            not _ARCHIVE.search(text) and not _REMOTE.match(text) and not text.startswith("<<")
            for text in sources
        ):
            yield CodeMatch(
                instruction.keyword_span, "ADD copies a file: use COPY", ((instruction.keyword_span, "COPY"),)
            )
