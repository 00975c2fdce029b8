"""The commands of a Dockerfile's RUN instructions, mounts and environments."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.templates.docker.instruction import Instruction
from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.collect.templates.shell.command import ShellCommand
from nephoscope.posture.code.rule_match import CodeMatch

_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)")


def run_commands(file: Dockerfile) -> Iterator[tuple[Instruction, ShellCommand]]:
    """Give every command of every RUN with its instruction."""
    for instruction in file.list_instructions("RUN"):
        for command in instruction.commands:
            yield instruction, command


def find_program_runs(file: Dockerfile, programs: frozenset[str], message: str) -> Iterator[CodeMatch]:
    """Give a match for each command that runs one of these programs; `{}` in the message is the program."""
    for _, command in run_commands(file):
        if command.program in programs:
            yield CodeMatch(command.words[0].span, message.format(command.program))


def list_cached_folders(instruction: Instruction) -> list[str]:
    """Return the targets of the cache and tmpfs mounts of a RUN, which are no part of the image."""
    found = []
    for name, value in instruction.flags:
        options = dict(part.partition("=")[::2] for part in value.split(",")) if name == "mount" else {}
        if options.get("type") in ("cache", "tmpfs"):
            target = options.get("target") or options.get("dst") or options.get("destination") or ""
            found.append(target.rstrip("/"))
    return found


def is_stage_kept(file: Dockerfile, stage: int) -> bool:
    """Tell whether a stage's layers are in the image: it is the last one, or a later one builds on it."""
    last = len(file.stages) - 1
    later = range(stage + 1, last + 1)
    return stage >= last or any(stage in file.list_lineage(one) for one in later)


def find_variables(text: str) -> list[str]:
    """Return the names of variables that a text refers to."""
    return _VARIABLE.findall(text)


def list_env_pairs(instruction: Instruction) -> list[tuple[str, str]]:
    """Return the names and values of an ENV, ARG or LABEL, in the form `NAME=value ...` or `NAME value`."""
    words = instruction.words
    if words and "=" not in words[0].text and len(words) > 1:
        return [(words[0].text, " ".join(word.text for word in words[1:]))]
    return [word.text.partition("=")[::2] for word in words]


def build_environment(file: Dockerfile, stage: int, before: int) -> dict[str, str]:
    """Return what ENV sets in a stage and those that it builds on, up to an offset of the file."""
    found: dict[str, str] = {}
    for index in reversed(file.list_lineage(stage)):
        for instruction in file.list_stage_instructions(index, "ENV"):
            if instruction.span.start < before:
                found.update(list_env_pairs(instruction))
    return found
