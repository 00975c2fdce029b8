"""The words of a query."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from nephoscope_kql.errors import KqlError, Span, make_invalid_error

if TYPE_CHECKING:
    from collections.abc import Sequence

_UNITS = (
    "days?|d|hours?|hrs?|h|minutes?|min|m|seconds?|sec|s|milliseconds?|millis?|ms"
    "|microseconds?|micros?|nanoseconds?|nanos?|ticks?"
)
_DASHED = (
    "project-away|project-by-names|project-keep|project-rename|project-reorder|project-smart|mv-expand|mv-apply"
    "|make-series|make-graph|top-nested|top-hitters|sample-distinct|parse-where|parse-kv|macro-expand|assert-schema"
    "|graph-match|graph-mark-components|graph-shortest-paths|graph-to-table|graph-where-nodes|graph-where-edges"
    "|granny-asc|granny-desc|partitioned-by|materialized-view-combine"
    r"|hint\.(?:concurrency|distribution|materialized|num_partitions|pass_filters_column|pass_filters|progressive_top"
    r"|remote|shufflekey|spread|strategy)"
)
_NEGATED = "!between|!(?:contains|endswith|startswith|hasprefix|hassuffix|has)(?:_cs)?(?![A-Za-z0-9_])|!in~|!in(?![A-Za-z0-9_])"
_ESCAPED = r"\\(?:[\\'\"abfnrtv]|[0-7]{1,3}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|x[0-9A-Fa-f]{2})"

_WORD = re.compile(
    r"(?P<blank>[\s\u200b\ufeff\x00]+)"
    r"|(?P<comment>//[^\r\n]*)"
    r"|(?P<text>[hH]?(?:```.*?```|~~~.*?~~~"
    r"""|@"(?:[^"\r\n]|"")*"|@'(?:[^'\r\n]|'')*'"""
    rf"""|"[^"\\\r\n]*(?:{_ESCAPED}[^"\\\r\n]*)*"|'[^'\\\r\n]*(?:{_ESCAPED}[^'\\\r\n]*)*'))"""
    r"|(?P<typed>(?:bool|date(?:time)?|decimal|double|guid|int(?:32|64)?|long|real|time(?:span)?)\([^()\r\n]*\))"
    rf"|(?P<name>(?:{_DASHED})(?![A-Za-z0-9_])|(?:has_any|has_all)(?![A-Za-z0-9_])|in~|{_NEGATED})"
    rf"|(?P<timespan>[0-9]+(?:\.[0-9]+)?(?:{_UNITS})(?![A-Za-z0-9_]))"
    r"|(?P<real>[0-9]+(?:\.[0-9]+(?:[eE][+-]?[0-9]+)?|\.?[eE][+-]?[0-9]+|\.(?!\.))(?![A-Za-z0-9_]))"
    r"|(?P<long>(?:0[xX][0-9A-Fa-f]+|[0-9]+)(?![A-Za-z0-9_]))"
    r"|(?P<word>(?![hH]@?[\"'])\$?[A-Za-z0-9_]+)"
    r"|(?P<mark><\||=>|=~|!~|!=|<>|<=|>=|==|\.\.|[()\[\]{}|+\-*/%.!<>=:;,?$])",
    re.DOTALL,
)


class Token(NamedTuple):
    """A word of the query.

    `kind` is name (keywords too), long, real, timespan, typed (`datetime(...)`), text (a string), mark or end; `start` and `end`
    are character offsets.
    """

    kind: str
    text: str
    start: int
    end: int

    @property
    def span(self) -> Span:
        """Its place."""
        return Span(self.start, self.end)

    def get_display_text(self) -> str:
        """The word as a message names it."""
        if self.kind == "end":
            return "the end of the query"
        return f"'{self.text}'" if len(self.text) <= 40 else f"'{self.text[:37]}...'"


class Words(NamedTuple):
    """A query in words: the tokens (an end token last), the comments apart, and what could not be read."""

    tokens: list[Token]
    comments: list[Token]
    errors: list[KqlError]


def split_words(text: str) -> Words:
    """The words of a query; never raises: characters that start no word are errors and left out."""
    found = Words([], [], [])
    position, size, match_at = 0, len(text), _WORD.match
    add = found.tokens.append
    while position < size:
        match = match_at(text, position)
        if match is None:
            position = _record_unreadable(text, position, found)
            continue
        kind, end = match.lastgroup or "", match.end()
        if kind == "word":
            add(Token("name", match.group(), position, end))
        elif kind == "comment":
            found.comments.append(Token(kind, match.group(), position, end))
        elif kind != "blank":
            add(Token(kind, match.group(), position, end))
        position = end
    add(Token("end", "", size, size))
    return found


def _record_unreadable(text: str, position: int, found: Words) -> int:
    """Record what is wrong at the position; the offset where reading goes on."""
    opened = re.compile(r"[hH]?(@?)(```|~~~|\"|')").match(text, position)
    if opened is None:
        found.errors.append(_parse_unexpected_character(text, position))
        return position + 1
    end = len(text) if len(opened[2]) == 3 else _find_end_of_line(text, position)
    bad = None if opened[1] or len(opened[2]) == 3 else _find_bad_escape(text, opened.end(), end, opened[2])
    if bad is not None:
        end = _find_end_of_string(text, opened.end(), end, opened[2])
        hint = r"write \\ for a backslash, or put @ before the string"
        found.errors.append(
            make_invalid_error(
                f"{text[bad : bad + 2]} is not an escape of a string", Span(bad, bad + 2), hint
            )
        )
    else:
        found.errors.append(
            make_invalid_error("the string is not closed", Span(position, end), f"close it with {opened[2]}")
        )
    found.tokens.append(Token("text", "''", position, end))
    return end


def _parse_unexpected_character(text: str, position: int) -> KqlError:
    character, span = text[position], Span(position, position + 1)
    hints = {
        "#": "client directives are not part of a query",
        "&": "the operator is 'and'",
        "‘": "use straight quotes",
        "’": "use straight quotes",
        "“": "use straight quotes",
        "”": "use straight quotes",
    }
    hint = hints.get(character, "")
    if not hint and character.isalpha():
        hint = "put a name with other letters than a-z in brackets: ['...']"
    return make_invalid_error(f"unexpected character {character!r}", span, hint)


def _find_end_of_line(text: str, position: int) -> int:
    match = re.compile(r"[\r\n]").search(text, position)
    return match.start() if match else len(text)


def _find_end_of_string(text: str, position: int, end: int, quote: str) -> int:
    match = re.compile(rf"(?:\\.|[^\\{quote}])*{quote}").match(text, position, end)
    return match.end() if match else end


def _find_bad_escape(text: str, position: int, end: int, quote: str) -> int | None:
    """The offset of the first escape that the language does not have, before the string closes."""
    escaped = re.compile(_ESCAPED)
    while position < end and text[position] != quote:
        if text[position] == "\\":
            match = escaped.match(text, position, end)
            if match is None:
                return position if position + 1 < end else None
            position = match.end()
        else:
            position += 1
    return None


_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def parse_string_value(text: str) -> str:
    """The value of a string as the query spells it, prefixes and quotes included."""
    body = text[1:] if text[0] in "hH" else text
    if body[:3] in ("```", "~~~"):
        return body[3:-3]
    if body[0] == "@":
        quote = body[1]
        return body[2:-1].replace(quote * 2, quote)
    inner = body[1:-1]
    return re.sub(_ESCAPED, _unescape_character, inner) if "\\" in inner else inner


def _unescape_character(match: re.Match[str]) -> str:
    escape = match.group()[1:]
    first = escape[0]
    if first in _SIMPLE:
        return _SIMPLE[first]
    if first in "\\'\"":
        return first
    code = int(escape[1:], 16) if first in "uUx" else int(escape, 8)
    return chr(code) if code <= 0x10FFFF else "\ufffd"


def is_obfuscated_string(text: str) -> bool:
    """Return whether the string's text is hidden from logs: `h"..."`."""
    return text[0] in "hH"


def join_strings(tokens: Sequence[Token]) -> str:
    """The value of adjacent strings, which Kusto joins."""
    return "".join(parse_string_value(token.text) for token in tokens)
