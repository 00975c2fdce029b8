"""From text to tree.

expression = primary { "." name | "[" expression "]" } ;
primary    = text | [ "-" ] number | "-" primary | "true" | "false" | "null" | call ;
call       = name [ "." name ] "(" [ expression { "," expression } ] ")" ;
"""

from __future__ import annotations

from nephoscope_policy.arm.errors import ArmSyntaxError
from nephoscope_policy.arm.lexer import ArmToken, iterate_tokens, parse_number, parse_string_value
from nephoscope_policy.arm.tree import ArmCall, ArmIndex, ArmLiteral, ArmProperty, Node

MAX_DEPTH = 100
"""Levels of nesting that an expression may have; the deepest in a built-in definition has 10."""
MAX_LENGTH = 131_072
"""Characters that an expression may have."""

_WORDS = {"true": True, "false": False, "null": None}


def is_expression(text: str) -> bool:
    """Return whether a JSON string is a template expression: `[`, at least one character, `]`, and not `[[` at the start."""
    return len(text) > 2 and text[0] == "[" and text[-1] == "]" and text[1] != "["


def unescape_literal(text: str) -> str:
    """The literal behind a JSON string that is no expression: a leading `[[` stands for `[`."""
    return text[1:] if text.startswith("[[") else text


def parse_tree(text: str) -> Node:
    """The tree of `[...]`; raises ArmSyntaxError with the offset in `text`."""
    if not is_expression(text):
        raise ArmSyntaxError("an expression starts with [ and ends with ]", 0)
    if len(text) > MAX_LENGTH:
        raise ArmSyntaxError(f"the expression has more than {MAX_LENGTH} characters", MAX_LENGTH)
    parser = _ArmParser(list(iterate_tokens(text, 1, len(text) - 1)))
    node = parser.parse_expression(1)
    parser.expect_end()
    return node


class _ArmParser:
    def __init__(self, words: list[ArmToken]) -> None:
        self._words = words
        self._next = 0

    def expect_end(self) -> None:
        if self._peek_token().kind != "end":
            raise self._build_unexpected_error("an operator or the end")

    def parse_expression(self, depth: int) -> Node:
        node, levels = self._parse_primary(depth), depth
        while True:
            word = self._peek_token()
            if word.kind != "mark" or word.text not in ".[":
                return node
            levels = self._parse_next_depth(levels, word)
            node = self._parse_postfix(node, levels)

    def _parse_next_depth(self, depth: int, word: ArmToken) -> int:
        if depth >= MAX_DEPTH:
            raise ArmSyntaxError(f"the expression is nested deeper than {MAX_DEPTH} levels", word.offset)
        return depth + 1

    def _parse_postfix(self, target: Node, depth: int) -> Node:
        word = self._read_token()
        if word.text == ".":
            name = self._expect_token("name", "", "a property name")
            return ArmProperty(target, name.text, name.offset)
        index = self.parse_expression(depth)
        self._expect_token("mark", "]", "']'")
        return ArmIndex(target, index, word.offset)

    def _parse_primary(self, depth: int) -> Node:
        word = self._peek_token()
        if word.kind == "text":
            return ArmLiteral(parse_string_value(self._read_token()), word.offset)
        if word.kind == "number":
            return ArmLiteral(parse_number(self._read_token(), negative=False), word.offset)
        if word.kind == "mark" and word.text == "-":
            return self._parse_negative(self._read_token(), depth)
        if word.kind == "name":
            return self._parse_name(self._read_token(), depth)
        raise self._build_unexpected_error("a function call, a string or a number")

    def _parse_negative(self, sign: ArmToken, depth: int) -> Node:
        if self._peek_token().kind == "number":
            return ArmLiteral(parse_number(self._read_token(), negative=True), sign.offset)
        operand = self._parse_primary(self._parse_next_depth(depth, sign))
        return ArmCall("sub", (ArmLiteral(0, sign.offset), operand), sign.offset)

    def _parse_name(self, word: ArmToken, depth: int) -> Node:
        if self._is_mark("("):
            return ArmCall(word.text, self._parse_arguments(depth), word.offset)
        if word.text.lower() in _WORDS:
            return ArmLiteral(_WORDS[word.text.lower()], word.offset)
        if self._is_mark(".") and self._words[self._next + 1].kind == "name":
            return self._parse_user_function(word, depth)
        raise self._build_unexpected_error(f"'(' after {word.get_display_text()}")

    def _parse_user_function(self, namespace: ArmToken, depth: int) -> Node:
        self._read_token()
        name = self._read_token()
        if not self._is_mark("("):
            raise self._build_unexpected_error(f"'(' after {namespace.text}.{name.get_display_text()}")
        return ArmCall(f"{namespace.text}.{name.text}", self._parse_arguments(depth), namespace.offset)

    def _parse_arguments(self, depth: int) -> tuple[Node, ...]:
        depth = self._parse_next_depth(depth, self._read_token())
        if self._is_mark(")"):
            self._read_token()
            return ()
        found = [self.parse_expression(depth)]
        while self._is_mark(","):
            self._read_token()
            found.append(self.parse_expression(depth))
        self._expect_token("mark", ")", "',' or ')'")
        return tuple(found)

    def _peek_token(self) -> ArmToken:
        return self._words[self._next]

    def _read_token(self) -> ArmToken:
        word = self._words[self._next]
        self._next += word.kind != "end"
        return word

    def _is_mark(self, text: str) -> bool:
        word = self._peek_token()
        return word.kind == "mark" and word.text == text

    def _expect_token(self, kind: str, text: str, wanted: str) -> ArmToken:
        word = self._peek_token()
        if word.kind != kind or (text and word.text != text):
            raise self._build_unexpected_error(wanted)
        return self._read_token()

    def _build_unexpected_error(self, wanted: str) -> ArmSyntaxError:
        word = self._peek_token()
        return ArmSyntaxError(f"expected {wanted}, found {word.get_display_text()}", word.offset)
