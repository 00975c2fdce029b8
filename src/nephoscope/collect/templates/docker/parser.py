"""From the text of a Dockerfile to instructions and stages; it reads any text and never raises."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass, field

from nephoscope.collect.templates.docker.instruction import Instruction, split_flags
from nephoscope.collect.templates.docker.logical_lines import (
    Comment,
    LogicalLine,
    read_directives,
    split_lines,
)
from nephoscope.collect.templates.source_text import SourceText, TextSpan

KEYWORDS = frozenset(
    {
        "ADD",
        "ARG",
        "CMD",
        "COPY",
        "ENTRYPOINT",
        "ENV",
        "EXPOSE",
        "FROM",
        "HEALTHCHECK",
        "LABEL",
        "MAINTAINER",
        "ONBUILD",
        "RUN",
        "SHELL",
        "STOPSIGNAL",
        "USER",
        "VOLUME",
        "WORKDIR",
    }
)
_FLAGGED = frozenset({"ADD", "COPY", "FROM", "HEALTHCHECK", "RUN"})
_HEAD = re.compile(r"\s*(\S+?)(?=\s|\\\n|$)(?:[ \t]|\\\n)*")
_WINDOWS = re.compile(r"windows|nanoserver|servercore", re.IGNORECASE)


@dataclass(slots=True)
class Stage:
    """A build stage: its FROM instruction, image as written, `AS` name ('' without) and position."""

    instruction: Instruction
    image: str
    name: str
    index: int


@dataclass(slots=True)
class Dockerfile:
    """A Dockerfile: instructions (those behind ONBUILD too, marked), stages, comments, and lines that begin with no keyword."""

    source: SourceText
    instructions: list[Instruction] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    unknown: list[Instruction] = field(default_factory=list)
    directives: dict[str, str] = field(default_factory=dict)
    _named: dict[str, list[int]] = field(default_factory=dict)

    def list_instructions(self, *keywords: str) -> list[Instruction]:
        """Return the instructions of these keywords."""
        return [one for one in self.instructions if one.keyword in keywords]

    def list_stage_instructions(self, stage: int, *keywords: str) -> list[Instruction]:
        """Return the instructions of a stage."""
        return [one for one in self.list_instructions(*keywords) if one.stage == stage]

    def find_base_stage(self, stage: int) -> int | None:
        """Return the index of the earlier stage that a stage builds on; None where it is an image."""
        if not 0 <= stage < len(self.stages):
            return None
        named = self._named.get(self.stages[stage].image.lower(), ())
        place = bisect_left(named, stage)
        return named[place - 1] if place else None

    def add_stage(self, stage: Stage) -> None:
        """Add the next stage; a name can be given anew."""
        self.stages.append(stage)
        if stage.name:
            self._named.setdefault(stage.name.lower(), []).append(stage.index)

    def list_lineage(self, stage: int) -> list[int]:
        """Return a stage and the stages that it builds on, the nearest first."""
        found = [stage]
        while (base := self.find_base_stage(found[-1])) is not None:
            found.append(base)
        return found


def parse_dockerfile(source: SourceText) -> Dockerfile:
    """Parse a Dockerfile."""
    file = Dockerfile(source, directives=read_directives(source.text))
    escape = "`" if file.directives.get("escape") == "`" else "\\"
    shells: dict[int, tuple[str, ...]] = {}
    for line in split_lines(source.text, escape):
        if isinstance(line, Comment):
            file.comments.append(line)
            _read_pragma(line, file, shells)
            continue
        instruction = _parse_instruction(line.text, line.body, line.start)
        if instruction is None:
            continue
        _place_instruction(instruction, file, shells)
        if instruction.keyword == "ONBUILD":
            _add_trigger(instruction, file, shells)
    return file


def _read_pragma(comment: Comment, file: Dockerfile, shells: dict[int, tuple[str, ...]]) -> None:
    match = re.fullmatch(r"hadolint\s+shell\s*=\s*(\S+)", comment.text)
    if match:
        shells[len(file.stages) - 1] = (match[1], "-c")


def _parse_instruction(text: str, body: int, start: int) -> Instruction | None:
    match = _HEAD.match(text)
    if match is None:
        return None
    keyword, at = match[1].upper(), match.end()
    flags, length = split_flags(text[at:body]) if keyword in _FLAGGED else ([], 0)
    head = text[at + length : body]
    lead = len(head) - len(head.lstrip())
    offset = at + length + lead
    return Instruction(
        keyword=keyword,
        text=text[offset:body],
        offset=start + offset,
        span=TextSpan(start + match.start(1), start + len(text.rstrip())),
        keyword_span=TextSpan(start + match.start(1), start + match.end(1)),
        flags=flags,
        body=text[body:],
    )


def _place_instruction(
    instruction: Instruction, file: Dockerfile, shells: dict[int, tuple[str, ...]]
) -> None:
    """Add an instruction to the file, in its stage and with its shell."""
    if instruction.keyword not in KEYWORDS:
        file.unknown.append(instruction)
        return
    if instruction.keyword == "FROM" and not instruction.trigger:
        file.add_stage(_build_stage(instruction, len(file.stages)))
        index = len(file.stages) - 1
        base = file.find_base_stage(index)
        if base is not None and base in shells:
            shells[index] = shells[base]
        elif _WINDOWS.search(file.stages[index].image):
            shells[index] = ("cmd", "/S", "/C")
    instruction.stage = len(file.stages) - 1
    instruction.shell = shells.get(instruction.stage, instruction.shell)
    if instruction.keyword == "SHELL" and instruction.exec_form:
        shells[instruction.stage] = tuple(instruction.exec_form)
    file.instructions.append(instruction)


def _add_trigger(outer: Instruction, file: Dockerfile, shells: dict[int, tuple[str, ...]]) -> None:
    text = outer.text + outer.body
    inner = _parse_instruction(text, len(outer.text), outer.offset)
    if inner is not None:
        inner.trigger = True
        _place_instruction(inner, file, shells)


def _build_stage(instruction: Instruction, index: int) -> Stage:
    words = [word.text for word in instruction.words]
    named = len(words) >= 3 and words[1].upper() == "AS"
    return Stage(instruction, words[0] if words else "", words[2] if named else "", index)


__all__ = ["Dockerfile", "LogicalLine", "Stage", "parse_dockerfile"]
