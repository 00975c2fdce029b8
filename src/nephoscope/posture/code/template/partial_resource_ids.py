"""Partial resource IDs: IDs with unknown parts in braces, and the IDs that they can match."""

from __future__ import annotations

import re
from functools import lru_cache

_OPEN, _CLOSE = "{", "}"


def is_open(text: str) -> bool:
    """Return whether a part of an id is not known."""
    return _OPEN in text


def may_be(left: str, right: str) -> bool:
    """Return whether two lower-cased ids may be the same; the same unknown parts make the same id."""
    if left == right:
        return True
    if not is_open(left):
        return is_open(right) and _parse_form(right).fullmatch(left) is not None
    if not is_open(right):
        return _parse_form(left).fullmatch(right) is not None
    first, second = split_literals(left), split_literals(right)
    return _do_ids_agree(first[0], second[0]) and _do_ids_agree(first[-1][::-1], second[-1][::-1])


def is_within(id_: str, scope: str) -> bool:
    """Return whether a lower-cased id may be one of a scope ('' = the tenant) or below it."""
    if not scope or id_ == scope or id_.startswith(f"{scope}/"):
        return True
    above = "/".join(id_.split("/")[: scope.count("/") + 1])
    return (is_open(scope) or is_open(above)) and may_be(above, scope)


def _do_ids_agree(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


@lru_cache(maxsize=4096)
def _parse_form(text: str) -> re.Pattern[str]:
    return re.compile(".+".join(map(re.escape, split_literals(text))), re.DOTALL)


@lru_cache(maxsize=4096)
def split_literals(text: str) -> tuple[str, ...]:
    """The known texts before, between and after the unknown parts of an id; braces may stand within these."""
    found, depth, start = [""], 0, 0
    for place, sign in enumerate(text):
        if sign == _OPEN:
            if not depth:
                found[-1] = text[start:place]
            depth += 1
        elif sign == _CLOSE and depth:
            depth -= 1
            if not depth:
                found.append("")
                start = place + 1
    found[-1] = text[start:] if not depth else found[-1]
    return tuple(found)
