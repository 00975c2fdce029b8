"""Archives should be extracted by ADD."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.templates.docker.instruction import Instruction
from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.collect.templates.shell.command import ShellCommand
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3010",
    title="Archives should be extracted by ADD",
    severity=Severity.LOW,
    description="COPY and tar leave the archive in a layer of the image.",
    steps=("Use ADD archive.tar /target/, which extracts it.",),
    equivalents=("hadolint:DL3010",),
)

_ARCHIVE = re.compile(r"\.(?:tar|tgz|tbz2?|txz|gz|bz2|xz|Z|lzma|tlz|lz|zst)$")
_EXTRACTING = frozenset(
    {"tar", "unzip", "gunzip", "bunzip2", "gzip", "unlzma", "unxz", "zcat", "uncompress", "zgz"}
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each COPY of an archive that the same stage extracts."""
    for copy in file.list_instructions("COPY"):
        if copy.get_flag("from") is not None or len(copy.words) < 2:
            continue
        names = {_extract_file_name(word.text) for word in copy.words if _ARCHIVE.search(word.text)}
        for run in file.list_stage_instructions(copy.stage, "RUN"):
            if names and run.span.start > copy.span.start and _find_extracted_archives(run) & names:
                yield CodeMatch(copy.span, "the archive is copied, then extracted: use ADD")
                break


def _extract_file_name(path: str) -> str:
    return re.split(r"[/\\\\]", path)[-1]


def _find_extracted_archives(run: Instruction) -> set[str]:
    return {
        _extract_file_name(text)
        for command in run.commands
        if command.program in _EXTRACTING and _is_extraction_command(command)
        for text in command.arguments
    }


def _is_extraction_command(command: ShellCommand) -> bool:
    return (
        command.program != "tar"
        or any("x" in text for text in command.arguments[:1])
        or command.has_flag("x", "extract", "get")
    )
