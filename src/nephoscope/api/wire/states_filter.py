"""`$filter` of policy states: comparisons with eq and ne of fields and texts, joined by and.

Source: https://learn.microsoft.com/rest/api/policyinsights/policy-states/list-query-results-for-subscription (the filter parameter)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from nephoscope.api.wire.fault import bad

_TERM = re.compile(r"\s*(\w+)\s+(eq|ne)\s+(?:'((?:[^']|'')*)'|(true|false))\s*", re.IGNORECASE)
MAX_LENGTH = 4000


def matching(text: str) -> Callable[[Mapping[str, Any]], bool]:
    """The test that a filter makes ('' = everything passes); Fault for one that is not understood, with where it is not."""
    terms: list[tuple[str, bool, Any]] = []
    at = 0
    if len(text) > MAX_LENGTH:
        raise bad(f"$filter is longer than {MAX_LENGTH} characters.", "$filter", "InvalidFilter")
    while text.strip() and at < len(text):
        found = _TERM.match(text, at)
        if found is None:
            raise _unknown(text, at)
        value: Any = found[3].replace("''", "'") if found[3] is not None else found[4].lower() == "true"
        terms.append((found[1], found[2].lower() == "eq", value))
        at = found.end()
        if at < len(text):
            if text[at : at + 3].lower() != "and" or at + 3 >= len(text):
                raise _unknown(text, at)
            at += 3
    return lambda row: all(_same(row, name, value) is equal for name, equal, value in terms)


def _same(row: Mapping[str, Any], name: str, value: Any) -> bool:
    found = next((one for key, one in row.items() if key.lower() == name.lower()), "")
    return str(found).lower() == str(value).lower()


def _unknown(text: str, at: int) -> Exception:
    return bad(
        f"$filter is not understood at character {at + 1}: {text[at : at + 40]!r}.",
        "$filter",
        "InvalidFilter",
    )
