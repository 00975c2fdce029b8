"""Comments of files, told from texts that only look like one: by the format of each file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from nephoscope.collect.templates.bicep import bracket_index as bicep
from nephoscope.collect.templates.terraform.hcl import bracket_index as hcl

_SLASHES = r"(?P<comment>//[^\n]*|/\*.*?(?:\*/|\Z))"
_QUOTED = r'"(?:[^"\\\n]|\\.)*"?'
_JSON = re.compile(rf"{_QUOTED}|'(?:[^'\\\n]|\\.)*'?|{_SLASHES}", re.DOTALL)
_SHELL = re.compile(
    r"<<-?[ \t]*([\"']?)(?P<end>\w+)\1[^\n]*\n.*?(?:^[ \t]*(?P=end)[ \t]*$|\Z)"
    r'|\\.|"(?:[^"\\]|\\.)*"?|\'[^\']*\'?'
    r"|(?<![^\s;&|()])(?P<comment>\#[^\n]*)",
    re.DOTALL | re.MULTILINE,
)
_DOCKERFILE = re.compile(
    r"<<-?[ \t]*([\"']?)(?P<end>\w+)\1[^\n]*\n.*?(?:^[ \t]*(?P=end)[ \t]*$|\Z)|^[ \t]*(?P<comment>\#[^\n]*)",
    re.DOTALL | re.MULTILINE,
)
_OTHER = re.compile(
    rf"{_QUOTED[:-1]}|'(?:[^'\\\n]|\\.)*'|(?P<comment>(?:\#|//|--|<!--)[^\n]*|/\*.*?(?:\*/|\Z))", re.DOTALL
)
_BY_ENDING = (
    ((".json", ".jsonc", ".tfplan"), _JSON),
    ((".sh", ".bash", ".ksh"), _SHELL),
)
_BICEP, _HCL = (".bicep", ".bicepparam"), (".tf", ".tfvars", ".hcl")
_YAML = (".yml", ".yaml")
_DOCKER = re.compile(r"(?:^|[/.])(?:docker|container)file(?:[.-][^/]*)?$", re.IGNORECASE)
_HASH = re.compile(r"(?:^|(?<=\s))#[^\n]*", re.MULTILINE)


class SourceComment(NamedTuple):
    """A line of a comment: its number, its text, and whether nothing else stands in the line before it."""

    line: int
    text: str
    alone: bool


def find_comments(name: str, text: str) -> Iterator[SourceComment]:
    """Find the comments of a file by its name; of YAML that cannot be read none."""
    file = name.lower()
    if file.endswith(_YAML):
        return _find_in_yaml(text)
    if file.endswith(_BICEP):
        return _find_by_index(bicep.find_bracket_ends(text), ("//", "/*"), text)
    if file.endswith(_HCL):
        return _find_by_index(hcl.find_bracket_ends(text), ("#", "//", "/*"), text)
    if _DOCKER.search(file):
        return _find_by_pattern(_DOCKERFILE, text)
    pattern = next((one for ends, one in _BY_ENDING if file.endswith(ends)), None)
    return _find_by_pattern(pattern or (_SHELL if text.startswith("#!") else _OTHER), text)


def _find_by_pattern(pattern: re.Pattern[str], text: str) -> Iterator[SourceComment]:
    line, at = 1, 0
    for found in pattern.finditer(text):
        start = found.start("comment")
        if start >= 0:
            line, at = line + text.count("\n", at, start), start
            yield from _parse_lines(text, start, found.end("comment"), line)


def _find_by_index(ends: Mapping[int, int], marks: tuple[str, ...], text: str) -> Iterator[SourceComment]:
    """The comments among the parts of a text, by where each begins and ends."""
    line, at = 1, 0
    for start in sorted(one for one in ends if text.startswith(marks, one)):
        line, at = line + text.count("\n", at, start), start
        yield from _parse_lines(text, start, ends[start], line)


def _parse_lines(text: str, start: int, end: int, line: int) -> Iterator[SourceComment]:
    """The lines of a comment; those after the first begin as the comment does, so that each is read by itself."""
    before = text[text.rfind("\n", 0, start) + 1 : start]
    for index, one in enumerate(text[start:end].split("\n")):
        yield SourceComment(
            line + index, one if not index else f"/* {one}", not before.strip() if not index else True
        )


def _find_in_yaml(text: str) -> Iterator[SourceComment]:
    import yaml  # most scans read no YAML

    try:
        tokens = [one for one in yaml.scan(text, yaml.CLoader) if isinstance(one, yaml.ScalarToken)]
    except yaml.YAMLError:
        return
    spans = iter([(one.start_mark.index, one.end_mark.index) for one in tokens])
    first, last = next(spans, (len(text), len(text)))
    line, at = 1, 0
    for found in _HASH.finditer(text):
        start = found.start()
        while last <= start:
            first, last = next(spans, (len(text) + 1, len(text) + 1))
        if start < first:
            line, at = line + text.count("\n", at, start), start
            yield from _parse_lines(text, start, found.end(), line)
