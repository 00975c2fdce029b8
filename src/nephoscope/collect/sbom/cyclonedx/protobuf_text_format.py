"""Protocol buffers in their text format: a message as a tree, with every field that the text has."""

from __future__ import annotations

import re

from nephoscope.collect.sbom.bill_of_materials import UnreadableBillError
from nephoscope.collect.sbom.cyclonedx.protobuf_messages import BY_NAME, ENUMERATIONS, Field
from nephoscope.collect.sbom.cyclonedx.protobuf_to_json import finish_message, set_field
from nephoscope.files.json_tree import Tree

MAX_DEPTH = 100

_TOKEN = re.compile(
    r"""(?P<space>(?:[ \t\r\n]|\#[^\n]*)+)
      | (?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
      | (?P<word>-?[A-Za-z0-9_.+][A-Za-z0-9_.+\-]*)
      | (?P<mark>[{}<>:,;\[\]])""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{1,2}|[0-7]{1,3}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)")
_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_OCTAL_DIGITS = frozenset("01234567")
_CLOSING = {"{": "}", "<": ">"}


class TextMessage:
    """Reads one message; fields that no table knows are kept under their own names."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_list_tokens(text))
        self._at = 0

    def read(self) -> Tree:
        """Read the whole text as a bill; UnreadableBillError with the line where it is none."""
        tree = self._read_message("Bom", "", 0)
        return tree if isinstance(tree, dict) else {}

    def _read_message(self, message: str, closing: str, depth: int) -> object:
        """Read fields up to the closing mark, or to the end."""
        if depth > MAX_DEPTH:
            raise self._build_error(f"messages nest deeper than {MAX_DEPTH}")
        known, tree = BY_NAME.get(message, {}), dict[str, object]()
        while self._peek_mark() != closing:
            kind, name = self._read_token()
            if kind != "word":
                raise self._build_error(f"expected a field name, found {name!r}")
            self._read_field(tree, known.get(name) or Field(name, name, "", True), depth)
            while self._peek_mark() in {",", ";"}:
                self._read_token()
        if closing:
            self._read_token()
        return finish_message(message, tree)

    def _read_field(self, tree: Tree, field: Field, depth: int) -> None:
        """Read what stands behind the name of a field."""
        has_colon = self._peek_mark() == ":"
        if has_colon:
            self._read_token()
        if self._peek_mark() == "[":
            self._read_token()
            while self._peek_mark() != "]":
                set_field(tree, field, self._read_value(field, depth))
                if self._peek_mark() == ",":
                    self._read_token()
            self._read_token()
        elif has_colon or self._peek_mark() in _CLOSING:
            set_field(tree, field, self._read_value(field, depth))
        else:
            raise self._build_error(f"the field {field.name} has no value")

    def _read_value(self, field: Field, depth: int) -> object:
        """Read a message, texts that stand side by side, or a word."""
        kind, token = self._read_token()
        if token in _CLOSING and kind == "mark":
            return self._read_message(field.kind, _CLOSING[token], depth + 1)
        if kind == "text":
            texts = [_unescape_token(token)]
            while self._at < len(self._tokens) and self._tokens[self._at][0] == "text":
                texts.append(_unescape_token(self._read_token()[1]))
            return "".join(texts)
        if kind != "word":
            raise self._build_error(f"expected the value of the field {field.name}, found {token!r}")
        return _convert_word(field, token)

    def _peek_mark(self) -> str:
        """Return the mark that comes next, '' at the end and before all else than a mark that ends something."""
        if self._at >= len(self._tokens):
            return ""
        kind, token, _ = self._tokens[self._at]
        return token if kind == "mark" else kind

    def _read_token(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise self._build_error("the text ends inside a message")
        kind, token, _ = self._tokens[self._at]
        self._at += 1
        return kind, token

    def _build_error(self, message: str) -> UnreadableBillError:
        line = self._tokens[min(self._at, len(self._tokens)) - 1][2] if self._tokens else 1
        return UnreadableBillError(message, line)


def _list_tokens(text: str) -> list[tuple[str, str, int]]:
    """Return kind, text and line of each token; UnreadableBillError with the line where there is none."""
    found, at, line = [], 0, 1
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match:
            raise UnreadableBillError(f"{text[at : at + 20]!r} is not protocol buffer text", line)
        if match.lastgroup != "space":
            found.append((str(match.lastgroup), match[0], line))
        line += match[0].count("\n")
        at = match.end()
    return found


def _convert_word(field: Field, word: str) -> object:
    """Return a number, a truth value or the word of an enumeration."""
    if field.kind in ENUMERATIONS:
        enumeration = ENUMERATIONS[field.kind]
        return (
            enumeration.convert_number_to_json(int(word))
            if word.isascii() and word.isdigit()
            else enumeration.name_to_json(word)
        )
    if word in {"true", "false"}:
        return word == "true"
    for convert in (int, float):
        try:
            return convert(word)
        except ValueError:
            continue
    return word


def _unescape_token(token: str) -> str:
    """Return the text inside of quotes; escapes of bytes make UTF-8."""
    if "\\" not in token:
        return token[1:-1]
    plain = _ESCAPE.sub(_read_escape, token[1:-1])
    # bytes stand as surrogates until all of them are there
    return plain.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _read_escape(match: re.Match[str]) -> str:
    """Return what an escape stands for."""
    escape = match[1]
    if escape[0] in "uU" and len(escape) > 1:
        code = int(escape[1:], 16)
        return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"
    if len(escape) > 1 or escape in _OCTAL_DIGITS:
        byte = int(escape[1:], 16) if escape[0] == "x" else int(escape, 8) & 0xFF
        return chr(byte) if byte < 0x80 else chr(0xDC00 + byte)
    return _SIMPLE.get(escape, escape)
