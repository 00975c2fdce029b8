"""A file of Terraform as marks: blocks by type and labels, attributes, and the parts of literal objects and lists.

A block's mark has its attributes as members, and the blocks in it by type as lists; a `dynamic` block stands as what it makes.
At the root, `resource`, `module` and `variable` have members by their labels. The text is never evaluated.
"""

from __future__ import annotations

import re

from nephoscope.collect.templates.terraform.hcl.bracket_index import find_bracket_ends
from nephoscope_policy.arm.json_text import TextMark

MAX_DEPTH = 40
Members = dict[str, tuple[int, TextMark]]
_WORD = re.compile(r"[A-Za-z_][\w-]*")
_LABEL = re.compile(r"[ \t]*(?:\"((?:[^\"\\\n]|\\.)*)\"|([A-Za-z_][\w-]*))")
_EQUALS = re.compile(r"[ \t]*=(?![=>])[ \t]*")
_KEY = re.compile(r"(?:\"((?:[^\"\\\n]|\\.)*)\"|([A-Za-z_][\w.-]*))[ \t]*[=:](?!=)\s*")
_BLANK = re.compile(r"\s+")
_STOP = re.compile(r"[\n,}\])\"({\[]|#|//|/\*|<<-?[ \t]*[A-Za-z_]")
_ENCODED = re.compile(r"jsonencode\(\s*")
_MADE_OF = re.compile(r"[\[{]\s*for\b")


def mark_configuration(text: str) -> TextMark:
    """Return the marks of a file; what is not closed, and what is nested too deeply, has none."""
    return _Marks(text).get_root_mark()


class _Marks:
    def __init__(self, text: str) -> None:
        self._text = text
        self._ends = find_bracket_ends(text)

    def get_root_mark(self) -> TextMark:
        return TextMark(0, len(self._text), self._mark_body(0, len(self._text), 0))

    def _mark_body(self, at: int, end: int, depth: int) -> Members:
        """Return the attributes and blocks between two offsets."""
        members: Members = {}
        at = self._skip_blanks(at)
        while at < end:
            word = _WORD.match(self._text, at)
            equals = _EQUALS.match(self._text, word.end()) if word else None
            if word and equals:
                value = self._mark_value(equals.end(), depth + 1)
                members[word[0]] = (at, value)
                at = max(value.end, at + 1)
            elif word:
                at = self._mark_block(word, members, depth)
            else:
                at = self._ends.get(at, at + 1)
            at = self._skip_blanks(at)
        return members

    def _mark_block(self, word: re.Match[str], members: Members, depth: int) -> int:
        """Add a block to the members around it; returns the offset after it."""
        labels, at = [], word.end()
        while (label := _LABEL.match(self._text, at)) is not None:
            labels.append(label[1] or label[2] or "")
            at = label.end()
        blank = re.compile(r"[ \t]*").match(self._text, at)
        at = blank.end() if blank else at
        end = self._ends.get(at)
        if end is None or self._text[at] != "{" or depth >= MAX_DEPTH:
            return max(at, word.end())
        block = TextMark(word.start(), end, self._mark_body(at + 1, end - 1, depth + 1))
        name = word[0]
        if name == "dynamic" and labels:
            name, block = labels[0], self._mark_content(block)
        elif name == "locals" and not depth:
            held = members.get(name)
            block = TextMark(
                block.start, end, {**(held[1].members or {} if held else {}), **(block.members or {})}
            )
            members[name] = (word.start(), block)
            return end
        if labels and not depth:
            _put_block(members, (name, *labels), block)
        else:
            held = members.get(name)
            listed = held[1].elements if held is not None else None
            members[name] = (block.start, TextMark(block.start, end, None, [*(listed or ()), block]))
        return end

    def _mark_content(self, dynamic: TextMark) -> TextMark:
        content = (dynamic.members or {}).get("content")
        inner = content[1].elements if content is not None else None
        return TextMark(dynamic.start, dynamic.end, inner[0].members if inner else {})

    def _mark_value(self, at: int, depth: int) -> TextMark:
        encoded = _ENCODED.match(self._text, at)
        if encoded is not None:
            inner = self._mark_value(encoded.end(), depth + 1)
            return TextMark(at, self._find_value_end(at), inner.members, inner.elements)
        end = self._ends.get(at)
        plain = end is not None and depth < MAX_DEPTH and not _MADE_OF.match(self._text, at)
        if end is not None and plain and self._text[at] == "{":
            return TextMark(at, end, self._mark_object(at + 1, end - 1, depth))
        if end is not None and plain and self._text[at] == "[":
            return TextMark(at, end, None, self._mark_list(at + 1, end - 1, depth))
        return TextMark(at, self._find_value_end(at))

    def _mark_object(self, at: int, end: int, depth: int) -> Members:
        members: Members = {}
        at = self._skip_blanks(at)
        while at < end:
            key = _KEY.match(self._text, at)
            if key is None:  # a key that is an expression: what it is worth has no mark
                at = self._skip_blanks(max(self._find_value_end(at), at + 1))
                continue
            value = self._mark_value(key.end(), depth + 1)
            members[key[1] or key[2] or ""] = (key.start(), value)
            at = self._skip_blanks(max(value.end, at + 1))
        return members

    def _mark_list(self, at: int, end: int, depth: int) -> list[TextMark]:
        elements = []
        at = self._skip_blanks(at)
        while at < end:
            value = self._mark_value(at, depth + 1)
            elements.append(value)
            at = self._skip_blanks(max(value.end, at + 1))
        return elements

    def _find_value_end(self, at: int) -> int:
        """Return the offset after an expression: it ends at a line's end, a comma, a comment or a closing bracket."""
        start = at
        while (match := _STOP.search(self._text, at)) is not None:
            at = match.start()
            if match[0] in ("\n", ",", "}", "]", ")", "#", "//", "/*"):
                break
            at = self._ends.get(at, at + 1)
        else:
            at = len(self._text)
        return start + len(self._text[start:at].rstrip())

    def _skip_blanks(self, at: int) -> int:
        """Return the offset of what comes next after white space, commas and comments."""
        while True:
            blank = _BLANK.match(self._text, at)
            at = blank.end() if blank else at
            if self._text.startswith(",", at):
                at += 1
            elif self._text.startswith(("#", "//", "/*"), at) and at in self._ends:
                at = self._ends[at]
            else:
                return at


def _put_block(members: Members, names: tuple[str, ...], block: TextMark) -> None:
    """Put a block below its type and labels."""
    for name in names[:-1]:
        held = members.get(name)
        below = held[1].members if held is not None else None
        if below is None:
            below = {}
            members[name] = (block.start, TextMark(block.start, block.start, below))
        members = below
    members[names[-1]] = (block.start, block)
