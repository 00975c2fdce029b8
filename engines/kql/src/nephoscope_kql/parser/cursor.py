"""A place in the words of a query, and what every part of the grammar asks there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_kql.deadline import check_deadline
from nephoscope_kql.errors import MAX_ERRORS, KqlError, Span, TooLargeError, make_invalid_error, suggest_word
from nephoscope_kql.parser.keywords import may_declare, may_name
from nephoscope_kql.parser.lexer import Token, parse_string_value
from nephoscope_kql.tree import Name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nephoscope_kql.tree import Expression

MAX_DEPTH = 64
"""Levels of nesting that a query may have, and levels of its tree."""

_OPENING = frozenset(("(", "[", "{"))
_CLOSING = frozenset((")", "]", "}"))


class Cursor:
    """The words of a query and a place among them.

    `rows` reads a tabular expression: it is given from outside, for expressions and pipes hold each other. `height` is the height
    of the highest tree that was read since it was last set to 0.
    """

    def __init__(
        self, tokens: list[Token], errors: list[KqlError], rows: Callable[[Cursor], Expression]
    ) -> None:
        self._tokens = tokens
        self._next = 0
        self._depth = 0
        self._rows = rows
        self.token = tokens[0]
        self.errors = errors
        self.height = 0

    def parse_rows(self) -> Expression:
        """An expression that may be tabular: `T | where x`, `print 1`, `a + b`."""
        return self._rows(self)

    def peek(self, count: int = 1) -> Token:
        """The word `count` places after this one; the end where there are fewer."""
        return self._tokens[min(self._next + count, len(self._tokens) - 1)]

    def read_token(self) -> Token:
        """Return the current token and move on, but never past the end."""
        token = self.token
        if token.kind != "end":
            self._next += 1
            self.token = self._tokens[self._next]
        return token

    def accept(self, text: str) -> bool:
        """Return whether this word is `text`; then the cursor moves on."""
        if self.token.text != text:
            return False
        self.read_token()
        return True

    def expect(self, text: str) -> Token:
        """Read the current token, which must be `text`; KqlError where it is not."""
        if self.token.text != text or self.token.kind == "end":
            raise self.build_expected_error(f"'{text}'")
        return self.read_token()

    def make_span(self, start: int) -> Span:
        """From an offset to the end of the word before this one."""
        return Span(start, self._tokens[self._next - 1].end if self._next else start)

    def build_expected_error(self, wanted: str, hint: str = "", known: Iterable[str] = ()) -> KqlError:
        """The error that something else was expected at this word."""
        hint = hint or (suggest_word(self.token.text, known) if self.token.kind == "name" else "")
        return make_invalid_error(
            f"expected {wanted}, found {self.token.get_display_text()}", self.token.span, hint
        )

    def descend(self) -> None:
        """One level deeper; raises where the query is nested too deep. Undone by `ascend`."""
        self._depth += 1
        check_deadline()
        if self._depth > MAX_DEPTH:
            raise self.make_nesting_error()

    def leave_level(self) -> None:
        """One level back."""
        self._depth -= 1

    def increase_height(self, outer: int = 0) -> None:
        """A node above what was read since `height` was set: one higher, and at least `outer`."""
        self.height += 1
        if self.height > MAX_DEPTH:
            raise self.make_nesting_error()
        self.height = max(self.height, outer)

    def make_nesting_error(self) -> KqlError:
        """The error that the nesting has too many levels."""
        return make_invalid_error(
            f"the query is nested deeper than {MAX_DEPTH} levels", self.token.span, "split it with let"
        )

    def depth(self) -> int:
        """The level of nesting, for `recover`."""
        return self._depth

    def recover(self, error: KqlError, depth: int, stops: tuple[str, ...]) -> None:
        """Record an error and go on at the next of `stops`, the bracket that closes this part, or the end."""
        if isinstance(error, TooLargeError):
            raise error
        self.errors.append(error)
        self._depth = depth
        self.height = 0
        opened = 0
        while self.token.kind != "end":
            text = self.token.text
            if opened == 0 and (text in stops or text in _CLOSING) and len(self.errors) < MAX_ERRORS:
                return
            opened += (text in _OPENING) - (text in _CLOSING)
            self.read_token()

    # names

    def is_name(self) -> bool:
        """Return whether a name of an expression starts here, brackets included."""
        token = self.token
        return (token.kind == "name" and may_name(token.text)) or self._is_column_bracketed()

    def _is_column_bracketed(self) -> bool:
        return self.token.text == "[" and self.peek().kind == "text" and self.peek(2).text == "]"

    def read_name(self, what: str = "a name") -> Name:
        """A name of an expression."""
        return self._read_name(what, may_name)

    def read_declared_name(self, what: str = "a name") -> Name:
        """A name where something is declared."""
        return self._read_name(what, may_declare)

    def _read_name(self, what: str, admitted: Callable[[str], bool]) -> Name:
        token = self.token
        if token.kind == "name":
            if not admitted(token.text):
                raise self.build_expected_error(
                    what, f"a word of the language is a name in brackets only: ['{token.text}']"
                )
            self.read_token()
            return Name(name=token.text, span=token.span)
        if self._is_column_bracketed():
            self.read_token()
            value = parse_string_value(self.read_token().text)
            self.read_token()
            return Name(name=value, span=self.make_span(token.start))
        raise self.build_expected_error(what)

    def is_declaration(self) -> int:
        """Count how many words `name =` has here: 2, 4 for `['a b'] =`, 0 where no name is followed by a single `=`."""
        if self.token.kind == "name":
            return 2 if self.peek().text == "=" else 0
        return 4 if self._is_column_bracketed() and self.peek(3).text == "=" else 0

    def read_text(self, what: str = "a string") -> str:
        """The value of a string; adjacent strings are joined."""
        if self.token.kind != "text":
            raise self.build_expected_error(what)
        value = parse_string_value(self.read_token().text)
        while self.token.kind == "text":
            value += parse_string_value(self.read_token().text)
        return value

    def read_separated_items(self, read: Callable[[Cursor], None], closing: str) -> None:
        """Items with commas between them up to `closing`, which is read too; there may be none."""
        if self.accept(closing):
            return
        read(self)
        while self.accept(","):
            read(self)
        self.expect(closing)
