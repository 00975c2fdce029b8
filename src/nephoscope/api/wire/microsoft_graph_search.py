"""`$search` of directory objects: clauses `"property:text"` joined by AND and OR.

A display name or description is searched by its words, each the beginning of one of the object's; any other property by its beginning.

Source: https://learn.microsoft.com/graph/search-query-parameter#using-search-on-directory-object-collections
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nephoscope.api.wire.azure_error import ApiError
from nephoscope.api.wire.odata_value import get_value_at_path

Test = Callable[[Mapping[str, object]], bool]
MAX_LENGTH, DEEPEST = 2000, 20
#: The properties whose words are searched.
_WORDED = frozenset({"displayname", "description"})
_TOKEN = re.compile(r'\s*(?:(?P<sign>[()])|(?P<joint>AND|OR)\b|"(?P<clause>(?:[^"\\]|\\.)*)")')
_CLAUSE = re.compile(r"\s*([A-Za-z_]\w*)\s*:\s*(\S.*)", re.DOTALL)
#: A word ends where signs, digits and letters meet, and before a capital after a small letter.
_WORD = re.compile(r"\d+|[^\W\d_]+")
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def parse_search(text: str) -> tuple[Test, frozenset[str]]:
    """The test that a search makes ('' = everything passes) and the properties that it names; Fault for one that is not understood."""
    if not text.strip():
        return (lambda _: True), frozenset()
    reader = _SearchParser(text)
    found = reader.parse_or(0)
    if len(text) > MAX_LENGTH or text[reader.at :].strip():
        raise reader.describe_syntax_error()
    return found, frozenset(reader.names)


def split_words(text: str) -> set[str]:
    """The lower-cased words of a text: those between signs, and the parts of one that capitals or digits divide."""
    found = {one.lower() for one in re.findall(r"\w+", text)}
    for one in _WORD.findall(text):
        found |= {one.lower(), *(part.lower() for part in _CAPITAL.split(one))}
    return found


@dataclass
class _SearchParser:
    text: str
    at: int = 0

    def __post_init__(self) -> None:
        self.names: set[str] = set()

    def describe_syntax_error(self) -> ApiError:
        problem = f'$search is not understood at character {self.at + 1}: it is "property:text" clauses joined by AND and OR.'
        return ApiError(400, "Request_BadRequest", problem)

    def parse_or(self, depth: int) -> Test:
        """Clauses joined by OR, which binds less than AND."""
        found = [self.parse_and(depth)]
        while self._read_token("joint", "OR"):
            found.append(self.parse_and(depth))
        return found[0] if len(found) == 1 else lambda row: any(one(row) for one in found)

    def parse_and(self, depth: int) -> Test:
        """Clauses joined by AND."""
        found = [self.parse_term(depth)]
        while self._read_token("joint", "AND"):
            found.append(self.parse_term(depth))
        return found[0] if len(found) == 1 else lambda row: all(one(row) for one in found)

    def parse_term(self, depth: int) -> Test:
        """A clause, or what parentheses hold."""
        if depth > DEEPEST:
            raise self.describe_syntax_error()
        if self._read_token("sign", "("):
            found = self.parse_or(depth + 1)
            if not self._read_token("sign", ")"):
                raise self.describe_syntax_error()
            return found
        one = _TOKEN.match(self.text, self.at)
        clause = _CLAUSE.fullmatch(re.sub(r"\\(.)", r"\1", one["clause"])) if one and one["clause"] else None
        if one is None or clause is None:
            raise self.describe_syntax_error()
        self.at = one.end()
        self.names.add(clause[1])
        return _compile_clause(clause[1], clause[2].strip())

    def _read_token(self, group: str, word: str) -> bool:
        found = _TOKEN.match(self.text, self.at)
        if found is None or found[group] != word:
            return False
        self.at = found.end()
        return True


def _compile_clause(name: str, text: str) -> Test:
    if name.lower() not in _WORDED:
        return lambda row: str(get_value_at_path(row, name) or "").lower().startswith(text.lower())
    wanted = {one.lower() for one in re.findall(r"[^\W_]+", text)}

    def test(row: Mapping[str, object]) -> bool:
        own = split_words(str(get_value_at_path(row, name) or ""))
        return bool(wanted) and all(any(one.startswith(each) for one in own) for each in wanted)

    return test
