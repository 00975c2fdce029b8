"""JSON as templates have it (comments, strings over several lines, trailing commas), with where each value stands."""

from __future__ import annotations

import json
import re
from typing import NamedTuple

MAX_DEPTH = 128
"""Levels of nesting that a document may have."""

_BLANK = re.compile(r"(?:[\s\ufeff]+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'', re.DOTALL)
_MEMBER = re.compile(r'\s*("[^"\\]*")\s*:\s*')
"""A plain key: what most members begin with."""
_COMMA = re.compile(r"\s*,\s*")
_WORD = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null", re.IGNORECASE)
_TOKEN = re.compile(
    r'(?:"([^"\\]*+(?:\\.[^"\\]*+)*+)"\s*+:\s*+)?(?:([{\[])|("[^"\\]*+(?:\\.[^"\\]*+)*+"|[^\s,:{}\[\]"\ufeff]++))|([}\]])',
    re.DOTALL,
)
"""Of strict JSON: a key where there is one, and the sign that opens its value, or its whole value; or the sign that closes one."""
_OPENING, _SCALAR = 2, 3
_NAME = re.compile(r"[A-Za-z_$][\w$-]*")
_WORDS = {"true": True, "false": False, "null": None}


class ArmJsonError(ValueError):
    """Text that is no JSON at a 0-based offset."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


class TextMark(NamedTuple):
    """Mark of a value's place: its start and end offsets, and the marks of what is inside (of members also the key's offset)."""

    start: int
    end: int
    members: dict[str, tuple[int, TextMark]] | None = None
    elements: list[TextMark] | None = None

    def find_child_mark(self, step: str | int) -> TextMark | None:
        """The mark of a member or an element, None where there is none."""
        if isinstance(step, str):
            found = (self.members or {}).get(step)
            return None if found is None else found[1]
        elements = self.elements or []
        return elements[step] if step < len(elements) else None


def parse_json(text: str) -> tuple[object, TextMark]:
    """The value of a text and its marks; a later key hides an earlier one of the same name; raises ArmJsonError."""
    return _JsonParser(text).parse_document()


def mark_strict_json(text: str, start: int = 0) -> TextMark:
    """The marks of a text that a strict parser has read, from an offset on; those of `parse_json`, faster and without the value."""
    root = _Opened(0, None, [])
    inside, around = root, list[_Opened]()
    for match in _TOKEN.finditer(text, start):
        kind = match.lastindex
        if kind == _SCALAR:
            inside.replace_escape(match, TextMark(*match.span(_SCALAR)))
        elif kind == _OPENING:
            around.append(inside)
            start = match.start(_OPENING)
            inside = (
                _Opened(start, {}, None, match) if match[_OPENING] == "{" else _Opened(start, None, [], match)
            )
        else:
            done, inside = inside, around.pop()
            inside.replace_escape(done.match, TextMark(done.start, match.end(), done.members, done.elements))
    return root.elements[0] if root.elements else TextMark(0, 0)


class _Opened(NamedTuple):
    """An object or an array whose end is not read yet; `match` is what opened it."""

    start: int
    members: dict[str, tuple[int, TextMark]] | None
    elements: list[TextMark] | None
    match: re.Match[str] | None = None

    def replace_escape(self, match: re.Match[str] | None, mark: TextMark) -> None:
        """Hold a value that a match names."""
        if self.elements is not None:
            self.elements.append(mark)
        elif self.members is not None and match is not None:
            key: str = match[1]
            if "\\" in key:
                key = json.loads(f'"{key}"', strict=False)
            self.members[key] = (match.start(), mark)


class _JsonParser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def parse_document(self) -> tuple[object, TextMark]:
        self._skip_white_space()
        if self._at >= len(self._text):
            raise ArmJsonError("the text is empty", 0)
        found = self._read_value(0)
        self._skip_white_space()
        if self._at < len(self._text):
            raise ArmJsonError("unexpected text after the end of the JSON value", self._at)
        return found

    def _skip_white_space(self) -> None:
        match = _BLANK.match(self._text, self._at)
        self._at = match.end() if match else self._at
        if self._text.startswith("/*", self._at):
            raise ArmJsonError("a comment is not closed: it ends with */", self._at)

    def _read_value(self, depth: int) -> tuple[object, TextMark]:
        if depth > MAX_DEPTH:
            raise ArmJsonError(f"the document is nested deeper than {MAX_DEPTH} levels", self._at)
        sign = self._text[self._at : self._at + 1]
        if sign == "/":
            self._skip_white_space()
            sign = self._text[self._at : self._at + 1]
        start = self._at
        if sign == "{":
            return self._parse_object(depth)
        if sign == "[":
            return self._parse_array(depth)
        value = self._parse_string() if sign in ('"', "'") and sign else self._parse_word()
        return value, TextMark(start, self._at)

    def _parse_object(self, depth: int) -> tuple[object, TextMark]:
        start, value = self._at, {}
        members: dict[str, tuple[int, TextMark]] = {}
        self._at += 1
        while True:
            plain = _MEMBER.match(self._text, self._at)
            if plain is not None:
                key, key_at, self._at = plain[1][1:-1], plain.start(1), plain.end()
            elif self._accept_closing("}"):
                break
            else:
                key_at, key = self._at, self._parse_key()
            value[key], mark = self._read_value(depth + 1)
            members[key] = (key_at, mark)
            self._skip_separator("}")
        return value, TextMark(start, self._at, members)

    def _parse_array(self, depth: int) -> tuple[object, TextMark]:
        start, value = self._at, []
        elements: list[TextMark] = []
        self._at += 1
        while not self._accept_closing("]"):
            item, mark = self._read_value(depth + 1)
            value.append(item)
            elements.append(mark)
            self._skip_separator("]")
        return value, TextMark(start, self._at, None, elements)

    def _accept_closing(self, sign: str) -> bool:
        self._skip_white_space()
        if not self._text.startswith(sign, self._at):
            return False
        self._at += 1
        return True

    def _skip_separator(self, closing: str) -> None:
        comma = _COMMA.match(self._text, self._at)
        if comma is not None:
            self._at = comma.end()
            return
        self._skip_white_space()
        if self._text.startswith(",", self._at):
            self._at += 1
        elif not self._text.startswith(closing, self._at):
            raise ArmJsonError(f"expected ',' or '{closing}', found {self._describe_found()}", self._at)

    def _expect_sign(self, sign: str, wanted: str) -> None:
        if not self._text.startswith(sign, self._at):
            raise ArmJsonError(f"expected {wanted}, found {self._describe_found()}", self._at)
        self._at += 1

    def _parse_key(self) -> str:
        if self._text[self._at : self._at + 1] in ('"', "'"):
            key = self._parse_string()
        else:
            match = _NAME.match(self._text, self._at)
            if match is None:
                raise ArmJsonError(
                    f"expected a key in double quotes, found {self._describe_found()}", self._at
                )
            key, self._at = match.group(), match.end()
        self._skip_white_space()
        self._expect_sign(":", "':' after a key")
        self._skip_white_space()
        return key

    def _parse_string(self) -> str:
        match = _TEXT.match(self._text, self._at)
        if match is None:
            raise ArmJsonError("a string is not closed", self._at)
        body = match.group()[1:-1]
        if "\\" in body:
            body = self._unescape_string(body, quote=match.group()[0])
        self._at = match.end()
        return body

    def _unescape_string(self, body: str, *, quote: str) -> str:
        if quote == "'":
            body = body.replace("\\'", "'").replace('"', '\\"')
        try:
            return str(json.loads(f'"{body}"', strict=False))
        except ValueError as error:
            raise ArmJsonError(f"a string has a bad escape sequence ({error})", self._at) from error

    def _parse_word(self) -> object:
        match = _WORD.match(self._text, self._at)
        if match is None:
            raise ArmJsonError(f"expected a JSON value, found {self._describe_found()}", self._at)
        self._at = match.end()
        word = match.group().lower()
        if word in _WORDS:
            return _WORDS[word]
        if len(word) > 40:
            raise ArmJsonError("a number has too many digits", match.start())
        return float(word) if any(sign in word for sign in ".e") else int(word)

    def _describe_found(self) -> str:
        if self._at >= len(self._text):
            return "the end of the text"
        return repr(self._text[self._at : self._at + 20].splitlines()[0])
