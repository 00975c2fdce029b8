"""The words of an expression."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

from nephoscope_policy.arm.errors import ArmSyntaxError
from nephoscope_policy.arm.value import INT_MAX, INT_MIN

_WORD = re.compile(
    r"(?P<blank>\s+)"
    r"|(?P<name>[A-Za-z_$][A-Za-z0-9_$]*)"
    r"|(?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![A-Za-z0-9_$]))"
    r"|(?P<text>'(?:[^']|'')*')"
    r"|(?P<mark>[()\[\],.\-])"
)


class ArmToken(NamedTuple):
    """A word: its kind (name, number, text, mark, end), its text and its 0-based offset."""

    kind: str
    text: str
    offset: int

    def get_display_text(self) -> str:
        """The word as a message names it."""
        if self.kind == "end":
            return "the end of the expression"
        return self.text if len(self.text) <= 40 else self.text[:37] + "..."


def iterate_tokens(text: str, start: int, end: int) -> Iterator[ArmToken]:
    """The words of text[start:end] and an end token; raises ArmSyntaxError at a character that starts none."""
    position = start
    while position < end:
        match = _WORD.match(text, position, end)
        if match is None:
            raise ArmSyntaxError(_format_reason(text[position]), position)
        kind = match.lastgroup or ""
        if kind != "blank":
            yield ArmToken(kind, match.group(), position)
        position = match.end()
    yield ArmToken("end", "", end)


def _format_reason(character: str) -> str:
    if character == "'":
        return "a string is not closed: a single quote inside a string is written twice"
    if character == '"':
        return "a string is written in single quotes"
    if character.isdigit():
        return "a number is malformed"
    return f"unexpected character {character!r}"


def parse_string_value(token: ArmToken) -> str:
    """The value of a text token."""
    return token.text[1:-1].replace("''", "'")


def parse_number(token: ArmToken, *, negative: bool) -> float:
    """The value of a number token; raises ArmSyntaxError where it fits no 64-bit integer and no finite float."""
    sign = -1 if negative else 1
    if token.text.isdigit():
        if len(token.text) <= 40 and INT_MIN <= sign * int(token.text) <= INT_MAX:
            return sign * int(token.text)
        raise ArmSyntaxError(f"the integer {token.get_display_text()} does not fit in 64 bits", token.offset)
    number = sign * float(token.text)
    if math.isinf(number):
        raise ArmSyntaxError(f"the number {token.get_display_text()} is too large", token.offset)
    return number
