"""Errors of a query, with their places."""

from __future__ import annotations

import difflib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Kind = Literal["invalid", "unsupported"]


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` (0-based, end excluded) of the query's text."""

    start: int
    end: int


NOWHERE = Span(0, 0)
MAX_ERRORS = 20
"""Errors of one query that are collected."""


class KqlError(ValueError):
    """A query that cannot be compiled or run.

    `kind` is 'invalid' (Kusto refuses it too) or 'unsupported' (nephoscope cannot run it yet). `line` and `column` are 1-based and
    0 until `locate` is called with the text; `hint` says what to do ('' = nothing known); `others` are further errors of the query.
    `placed`: its span is one of the query's own text. `function`: the stored function whose text is wrong, '' where the query's is.
    """

    def __init__(
        self,
        message: str,
        span: Span = NOWHERE,
        kind: Kind = "invalid",
        hint: str = "",
        others: Sequence[KqlError] = (),
    ) -> None:
        super().__init__(message, span, kind)
        self.message = message
        self.span = span
        self.kind: Kind = kind
        self.hint = hint
        self.line = 0
        self.column = 0
        self.others = tuple(others)
        self.placed = False
        self.function = ""

    def __str__(self) -> str:
        where = f"line {self.line}, column {self.column}: " if self.line else ""
        label = "" if self.kind == "invalid" else "not supported: "
        return f"{where}{label}{self.message}" + (f" ({self.hint})" if self.hint else "")

    def relocate_to_call(self, function: str, call: Span) -> None:
        """Move an error in the text of a stored function to the call of it."""
        self.function = function
        self.message, self.span = f"in the function {function}: {self.message}", call

    @property
    def all(self) -> tuple[KqlError, ...]:
        """Return this error and the others of the same query, in the order of the text."""
        return (self, *self.others)

    def locate(self, text: str) -> KqlError:
        """Set line and column of this error and the others from the query's text; returns itself."""
        for error in self.all:
            start = min(error.span.start, len(text))
            error.line = text.count("\n", 0, start) + 1
            error.column = start - (text.rfind("\n", 0, start) + 1) + 1
        return self

    def format_caret(self, text: str) -> str:
        """The line of the query where it goes wrong, with carets below it."""
        start = min(self.span.start, len(text))
        begin = text.rfind("\n", 0, start) + 1
        end = text.find("\n", start)
        line = text[begin:] if end < 0 else text[begin:end]
        width = max(1, min(self.span.end, begin + len(line)) - start)
        indent = "".join("\t" if character == "\t" else " " for character in line[: start - begin])
        return f"{line}\n{indent}{'^' * width}"


class TooLargeError(KqlError):
    """A query that grows beyond all bounds once its functions are expanded."""


class CycleError(KqlError):
    """A stored function that calls itself, also by way of others."""


class ExternalDataError(KqlError):
    """Error of reading what externaldata names. `passing`: the place may answer the next time; else a person has to act."""

    def __init__(self, message: str, hint: str = "", *, passing: bool = False) -> None:
        super().__init__(message, NOWHERE, "unsupported", hint)
        self.passing = passing

    def place_at(self, span: Span) -> ExternalDataError:
        """Place this error in the query; return it."""
        self.span = span
        return self


class UnknownNameError(KqlError):
    """`name` is no column and no variable."""

    def __init__(self, name: str, message: str, span: Span, hint: str = "") -> None:
        super().__init__(message, span, "invalid", hint)
        self.name = name


class UnknownSourceError(KqlError):
    """No table, function or variable that gives rows has the name."""


def make_invalid_error(message: str, span: Span, hint: str = "") -> KqlError:
    """An error that Kusto reports too."""
    return KqlError(message, span, "invalid", hint)


def make_unsupported_query_error(message: str, span: Span, hint: str = "") -> KqlError:
    """Valid KQL that nephoscope cannot run."""
    return KqlError(message, span, "unsupported", hint)


def suggest_word(word: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?` for a word close to a known one, '' otherwise."""
    lowered = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.7)
    return f"did you mean '{lowered[close[0]]}'?" if close else ""


def join_errors(errors: Sequence[KqlError]) -> KqlError:
    """The first of the errors in the order of the text, with the others attached; at least one is given."""
    first, *rest = sorted(errors, key=lambda error: error.span.start)
    return KqlError(first.message, first.span, first.kind, first.hint, rest)


@contextmanager
def locate_errors(text: str) -> Iterator[None]:
    """Tell of every KqlError that is raised inside where in the text of a query it arose."""
    try:
        yield
    except KqlError as error:
        raise error.locate(text) from error.__cause__


def raise_first_error(errors: Sequence[KqlError], text: str) -> None:
    """Raise the first of the errors, located, with the others attached; nothing happens where there is none."""
    if errors:
        raise join_errors(errors).locate(text)
