"""Text that a pattern matches: one sample of a regular expression, with given texts in some of its groups."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from rowwise_regex import compiled, translated

PREFERRED = "a1 x0-_.:/@Zz9#,;=\"'\\%${}()[]<>|&*+!?~^`\t\n"


def sample(pattern: str, groups: Mapping[int, str]) -> str:
    """A text that the pattern matches; `groups` are texts for its groups by number. '' where none is found."""
    text = _written(_parsed(pattern), groups)
    return text if compiled(pattern).search(text) else _written(_parsed(pattern), {})


def group_of(pattern: str, text: str, group: int) -> str | None:
    """What a group of the pattern holds in a text."""
    found = compiled(pattern).search(text)
    return None if found is None or group > found.re.groups else found.group(group)


def free_groups(pattern: str, taken: Mapping[int, str]) -> list[int]:
    """The groups of a pattern that nothing is asked of yet."""
    return [at for at in range(1, compiled(pattern).groups + 1) if at not in taken]


@cache
def _parsed(pattern: str) -> Any:
    import re._parser as parser  # type: ignore[import-not-found]

    return parser.parse(translated(pattern))


def _written(items: Any, groups: Mapping[int, str]) -> str:
    return "".join(_one(str(kind), given, groups) for kind, given in items)


def _one(kind: str, given: Any, groups: Mapping[int, str]) -> str:
    if kind == "LITERAL":
        return chr(given)
    if kind == "NOT_LITERAL":
        return next(letter for letter in PREFERRED if ord(letter) != given)
    if kind == "ANY":
        return "a"
    if kind == "IN":
        return _of_class(given)
    if kind == "BRANCH":
        return _written(given[1][0], groups)
    if kind == "SUBPATTERN":
        number, _, _, inside = given
        return groups[number] if number in groups else _written(inside, groups)
    if kind in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        least, most, inside = given
        times = least or (1 if _holds_group(inside, groups) and most else 0)
        return _written(inside, groups) * min(times, 200)
    return ""


def _holds_group(items: Any, groups: Mapping[int, str]) -> bool:
    return any(str(kind) == "SUBPATTERN" and given[0] in groups for kind, given in items)


def _of_class(items: Any) -> str:
    negated = str(items[0][0]) == "NEGATE"
    for letter in [*PREFERRED, *map(chr, range(32, 127))]:
        if any(_in_class(str(kind), given, ord(letter)) for kind, given in items) != negated:
            return letter
    return chr(items[0][1]) if str(items[0][0]) == "LITERAL" else ""


def _in_class(kind: str, given: Any, code: int) -> bool:
    if kind == "LITERAL":
        return bool(code == given)
    if kind == "RANGE":
        return bool(given[0] <= code <= given[1])
    if kind == "CATEGORY":
        classes = {"DIGIT": r"\d", "SPACE": r"\s", "WORD": r"\w"}
        name = str(given).removeprefix("CATEGORY_")
        found = re.match(classes[name.removeprefix("NOT_")], chr(code)) is not None
        return found != name.startswith("NOT_")
    return False
