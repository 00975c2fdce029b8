"""A Bicep file as it is written: what it declares, and the objects, arrays and values that declarations hold, with their offsets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from nephoscope.collect.templates.bicep.bracket_index import find_bracket_ends

MAX_DEPTH = 60
"""Objects and arrays in each other that are looked into; what is deeper is one value."""
_BLANK = re.compile(r"[ \t]*")
_BETWEEN = re.compile(r"[\s,\ufeff]*")
_STOP = re.compile(r"[\n,)\]}\[({'/]")
_EQUALS = re.compile(r"[\n=\[({'/]")
_FOR = re.compile(r"\[\s*for\b")
_COLON = re.compile(r"[:\n\])}\[({'/]")
_IF = re.compile(r"if\s*(?=\()")
_KEY = re.compile(r"(?:([A-Za-z_]\w*)|'([^'$\\\n]*)')[ \t]*:")
_RESOURCE = re.compile(r"(resource|module)[ \t]+(\w+)[ \t]+('[^'\n]*')[ \t]*(existing[ \t]*)?=")
_NAMED = re.compile(r"(param|var|output)[ \t]+(\w+)")
_USING = re.compile(r"using[ \t]+('[^'$\n]*')")


@dataclass(frozen=True, slots=True)
class BicepNode:
    """A value: its start and end offsets; members (with the offset of the key), elements, the body of a loop, its condition."""

    start: int
    end: int
    members: dict[str, tuple[int, BicepNode]] | None = None
    elements: list[BicepNode] | None = None
    body: BicepNode | None = None
    condition: BicepNode | None = None
    children: tuple[BicepDeclaration, ...] = ()

    @property
    def inner(self) -> BicepNode:
        """Return what loops repeat and conditions guard; the value itself where there is neither."""
        return self.body.inner if self.body is not None else self


@dataclass(frozen=True, slots=True)
class BicepDeclaration:
    """A resource, module, param, var, output or using: `type` is what its quotes hold, `quoted` their offsets."""

    kind: str
    name: str
    start: int
    end: int
    type: str = ""
    quoted: tuple[int, int] = (0, 0)
    existing: bool = False
    value: BicepNode | None = None


@dataclass(slots=True)
class BicepSource:
    """The text of a Bicep file and its declarations; what cannot be read as one is left out."""

    text: str
    declarations: list[BicepDeclaration] = field(default_factory=list)

    @classmethod
    def parse(cls, text: str) -> BicepSource:
        """Read the declarations of a text."""
        return cls(text, list(_BicepParser(text).parse_declarations()))

    def find_declarations(self, *kinds: str) -> Iterator[BicepDeclaration]:
        """The declarations of kinds, in their order."""
        return (one for one in self.declarations if one.kind in kinds)


class _BicepParser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._ends = find_bracket_ends(text)

    def parse_declarations(self) -> Iterator[BicepDeclaration]:
        at, end = self._skip_blanks(0), len(self._text)
        while at < end:
            found = (
                self._parse_declaration(at, 0)
                or self._parse_named_declaration(at)
                or self._parse_using_declaration(at)
            )
            if found is not None:
                yield found
            at = self._skip_blanks(max(found.end if found else self._find_value_end(at), at + 1))

    def _parse_declaration(self, at: int, depth: int) -> BicepDeclaration | None:
        match = _RESOURCE.match(self._text, at)
        if match is None:
            return None
        value = self._parse_value(match.end(), depth)
        quoted = match.span(3)
        return BicepDeclaration(
            match[1], match[2], at, value.end, match[3][1:-1], quoted, bool(match[4]), value
        )

    def _parse_named_declaration(self, at: int) -> BicepDeclaration | None:
        match = _NAMED.match(self._text, at)
        if match is None:
            return None
        equals = self._find_outside_brackets(_EQUALS, match.end(), "=")
        if equals is None:
            return BicepDeclaration(match[1], match[2], at, self._find_value_end(at))
        value = self._parse_value(equals + 1, 0)
        return BicepDeclaration(match[1], match[2], at, value.end, value=value)

    def _parse_using_declaration(self, at: int) -> BicepDeclaration | None:
        match = _USING.match(self._text, at)
        if match is None:
            return None
        return BicepDeclaration("using", "", at, match.end(), match[1][1:-1], match.span(1))

    def _parse_value(self, at: int, depth: int) -> BicepNode:
        at = self._skip_blank(at)
        match = _IF.match(self._text, at)
        if match is not None and match.end() in self._ends and depth < MAX_DEPTH:
            body = self._parse_value(self._ends[match.end()], depth + 1)
            condition = BicepNode(match.end(), self._ends[match.end()])
            return BicepNode(at, body.end, body=body, condition=condition)
        end = self._ends.get(at)
        if end is None or self._text[at] not in "{[" or depth >= MAX_DEPTH or self._continues_expression(end):
            return BicepNode(at, self._find_value_end(at))
        if self._text[at] == "{":
            return self._parse_object(at, end, depth)
        return (
            self._parse_loop(at, end, depth)
            if _FOR.match(self._text, at)
            else self._parse_array(at, end, depth)
        )

    def _parse_object(self, start: int, end: int, depth: int) -> BicepNode:
        members: dict[str, tuple[int, BicepNode]] = {}
        children = []
        at = self._skip_blanks(start + 1)
        while at < end - 1:
            child = self._parse_declaration(at, depth + 1)
            key = None if child else _KEY.match(self._text, at)
            if child is not None:
                children.append(child)
            if key is not None:
                value = self._parse_value(key.end(), depth + 1)
                members[key[1] or key[2] or ""] = (at, value)
                at = self._skip_blanks(max(value.end, at + 1))
            else:
                at = self._skip_blanks(max(child.end if child else self._find_value_end(at), at + 1))
        return BicepNode(start, end, members=members, children=tuple(children))

    def _parse_array(self, start: int, end: int, depth: int) -> BicepNode:
        elements = []
        at = self._skip_blanks(start + 1)
        while at < end - 1:
            value = self._parse_value(at, depth + 1)
            elements.append(value)
            at = self._skip_blanks(max(value.end, at + 1))
        return BicepNode(start, end, elements=elements)

    def _parse_loop(self, start: int, end: int, depth: int) -> BicepNode:
        colon = self._find_outside_brackets(_COLON, start + 1, ":")
        if colon is None or colon >= end:
            return BicepNode(start, end)
        return BicepNode(start, end, body=self._parse_value(colon + 1, depth + 1))

    def _continues_expression(self, end: int) -> bool:
        """Return whether a value is a part of a longer expression."""
        rest = self._text[self._skip_blank(end) : self._skip_blank(end) + 2]
        return rest not in ("", "//", "/*") and rest[0] not in "\r\n,)]}"

    def _find_value_end(self, at: int) -> int:
        """The offset after an expression: it ends at a comma, a closing bracket, a comment, or the line's end outside of brackets."""
        start = at
        while (match := _STOP.search(self._text, at)) is not None:
            at = match.start()
            if match[0] in "\n,)]}" or self._text.startswith("//", at):
                return start + len(self._text[start:at].rstrip())
            at = self._ends.get(at, at + 1)
        return start + len(self._text[start:].rstrip())

    def _find_outside_brackets(self, pattern: re.Pattern[str], at: int, wanted: str) -> int | None:
        """The offset of a character outside of brackets and strings, before anything else that the pattern stops at."""
        while (match := pattern.search(self._text, at)) is not None:
            if match[0] == wanted:
                return match.start()
            if match[0] in "\n)]}" or self._text.startswith("//", match.start()):
                return None
            at = self._ends.get(match.start(), match.end())
        return None

    def _skip_blank(self, at: int) -> int:
        match = _BLANK.match(self._text, at)
        return match.end() if match else at

    def _skip_blanks(self, at: int) -> int:
        """The offset of what comes next after white space, commas and comments."""
        while True:
            match = _BETWEEN.match(self._text, at)
            at = match.end() if match else at
            end = self._ends.get(at)
            if end is None or self._text[at] != "/":
                return at
            at = end
