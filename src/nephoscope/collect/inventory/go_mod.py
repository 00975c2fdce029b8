"""Modules that a Go module asks for: go.mod, with go.sum beside it where the language is older than 1.17."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from nephoscope.collect.inventory.go_sum import parse_sums
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "go.mod"
PATTERNS = ("**/go.mod",)

_WORDS = re.compile(r'"(?:[^"\\]|\\.)*"|`[^`]*`|[^\s()]+|[()]')
_COMPLETE = (1, 17)
#: From this version on, the directive `go` names a toolchain too.
_TOOLCHAINS = (1, 21)


class _GoModLine(NamedTuple):
    number: int
    words: list[str]
    comment: str


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the module itself, the standard library and the modules it asks for; raises UnreadableInventoryError."""
    lines = list(_read_lines(file))
    replaced = dict(_list_replacements(lines))
    language = next((line.words[1] for line in lines if line.words[0] == "go" and len(line.words) > 1), "")
    yield from _read_module(file, lines)
    yield from _build_standard_library(file, lines, language)
    required: set[str] = set()
    for line in lines:
        if line.words[0] == "require" and len(line.words) > 2:
            yield from _read_required_modules(file, line, replaced, required)
    beside = file.read_neighbor("go.sum") if language and _parse_version(language) < _COMPLETE else None
    for number, name, version in parse_sums(file, beside) if beside is not None else ():
        if name not in required:
            yield Package(
                type="golang",
                name=name,
                version=version,
                path=file.path,
                line=number,
                relationship="transitive",
            )


def _read_lines(file: InventoryFile) -> Iterator[_GoModLine]:
    block = ""
    for number, text in enumerate(file.text.split("\n"), 1):
        code, _, comment = text.partition("//")
        words = [word.strip('"`') for word in _WORDS.findall(code)]
        if not words:
            continue
        if words == [")"]:
            block = ""
        elif block:
            yield _GoModLine(number, [block, *words], comment.strip())
        elif words[-1] == "(" and len(words) == 2:
            block = words[0]
        elif words[0] not in _DIRECTIVES:
            raise file.make_error(f"this is not a directive of go.mod: {words[0][:40]!r}", number)
        else:
            yield _GoModLine(number, words, comment.strip())


_DIRECTIVES = (
    "module",
    "go",
    "toolchain",
    "require",
    "exclude",
    "replace",
    "retract",
    "godebug",
    "tool",
    "ignore",
)


def _list_replacements(lines: list[_GoModLine]) -> Iterator[tuple[tuple[str, str], tuple[int, str, str]]]:
    for line in lines:
        words = line.words[1:]
        if line.words[0] != "replace" or "=>" not in words:
            continue
        at = words.index("=>")
        old, new = words[:at], words[at + 1 :]
        if old and new:
            yield (
                (old[0], old[1] if len(old) > 1 else ""),
                (line.number, new[0], new[1] if len(new) > 1 else ""),
            )


def _read_required_modules(
    file: InventoryFile,
    line: _GoModLine,
    replaced: dict[tuple[str, str], tuple[int, str, str]],
    required: set[str],
) -> Iterator[Package]:
    name, version, number = line.words[1], line.words[2], line.number
    required.add(name)
    new = replaced.get((name, version)) or replaced.get((name, ""))
    if new and new[1].startswith((".", "/")):
        return  # a folder of the project itself
    if new:
        number, name, version = new[0], new[1], new[2] or version
        required.add(name)
    is_indirect = line.comment.split(";")[0].strip() == "indirect"
    yield Package(
        type="golang",
        name=name,
        version=version,
        path=file.path,
        line=number,
        relationship="transitive" if is_indirect else "declared",
    )


def _read_module(file: InventoryFile, lines: list[_GoModLine]) -> Iterator[Package]:
    for line in lines:
        if line.words[0] == "module" and len(line.words) > 1:
            yield Package(
                type="golang",
                name=line.words[1],
                version="",
                path=file.path,
                line=line.number,
                relationship="root",
            )


def _build_standard_library(file: InventoryFile, lines: list[_GoModLine], language: str) -> Iterator[Package]:
    named = next((line for line in lines if line.words[0] == "toolchain" and len(line.words) > 1), None)
    if named and (found := re.match(r"go(\d[\w.]*)", named.words[1])):
        version, number, is_pinned = found[1], named.number, True
    else:
        number = next((line.number for line in lines if line.words[0] == "go"), 0)
        version, is_pinned = language, _parse_version(language) >= _TOOLCHAINS and language.count(".") > 1
    if version:
        yield Package(
            type="golang",
            name="stdlib",
            version=version,
            path=file.path,
            line=number,
            relationship="declared",
            constraint="" if is_pinned else f">={version}",
        )


def _parse_version(version: str) -> tuple[int, int]:
    found = re.match(r"(\d{1,9})\.(\d{1,9})", version)
    return (int(found[1]), int(found[2])) if found else (0, 0)
