"""Truncated values of an export: `@{bypass=AzureServices}`, `System.Object[]`, `[object Object]`.

`ConvertTo-Json` writes what lies deeper than `-Depth` (2 where nothing is said) as the text that PowerShell prints of it. Such a text
says nothing of the value: it is taken out of the body, and its path is noted in the body as unread.
Source: https://learn.microsoft.com/powershell/module/microsoft.powershell.utility/convertto-json
"""

from __future__ import annotations

import re

from nephoscope_policy.model.resource import UNREAD

REMEDY = (
    "values were cut to text such as '@{...}' or 'System.Object[]': what reads them ends Unknown; "
    "export again with ConvertTo-Json -Depth 100"
)
_RENDERING = re.compile(
    r"""@\{(?:[\w.$@-]+=.*)?\}
    | System\.(?:Object|Collections\.\S.*|\w+(?:\.\w+)*\[\]).*
    | Microsoft\.Azure\.(?:Commands|PowerShell)\.[\w.+`\[\], ]+
    | Microsoft\.Azure\.Management\.[\w.]*Models\.[\w.+`\[\], ]+
    | \[object\ \w+\](?:,\[object\ \w+\])*""",
    re.VERBOSE | re.DOTALL,
)

#: How a rendering begins in JSON; publishers of extensions are named after Microsoft.Azure, too.
BEGINNING = rb'"(?:@\{|System\.|\[object |Microsoft\.Azure\.(?:Commands|PowerShell|Management)\.)'
_BEGINNING = re.compile(BEGINNING)


def may_hold(data: bytes) -> bool:
    """Return whether bytes may hold a rendering."""
    return _BEGINNING.search(data) is not None


def is_truncated_rendering(value: object) -> bool:
    """Return whether a value is the text that a program prints of an object or a list."""
    return isinstance(value, str) and _RENDERING.fullmatch(value) is not None


def remove_truncated_values(body: dict[str, object]) -> bool:
    """Take what was cut to text out of a body and note the paths in it; whether there was any.

    A list with such a value in an element goes as a whole. At the depth of the cut an empty text may have been an empty list, and in
    the elements of a list any text may have been one.
    """
    depth = min(_read_depths(body, 0), default=0)
    if not depth:
        return False
    unread: list[list[str]] = []
    _strip_truncated_value(body, (), depth, unread)
    known = body.get(UNREAD)
    body[UNREAD] = [*(known if isinstance(known, list) else ()), *unread]
    return True


def _read_members(body: dict[str, object], depth: int) -> list[tuple[str, object]]:
    """The members in which renderings are looked for: a tag is text, whatever it says."""
    return [
        (key, item)
        for key, item in body.items()
        if depth or not (key == UNREAD or (key.lower() == "tags" and isinstance(item, dict)))
    ]


def _read_depths(value: object, depth: int) -> list[int]:
    """Return how deep each rendering lies; the members of a body lie at 1."""
    if isinstance(value, dict):
        return [found for _, item in _read_members(value, depth) for found in _read_depths(item, depth + 1)]
    if isinstance(value, list):
        return [found for item in value for found in _read_depths(item, depth + 1)]
    return [depth] if is_truncated_rendering(value) else []


def _strip_truncated_value(
    body: dict[str, object], path: tuple[str, ...], cut: int, unread: list[list[str]]
) -> None:
    depth = len(path) + 1
    for key, item in _read_members(body, depth - 1):
        here = (*path, key.lower())
        if isinstance(item, dict):
            _strip_truncated_value(item, here, cut, unread)
        elif (
            _is_cut(item, depth, cut)
            if not isinstance(item, list)
            else any(_has_cut(one, depth + 1, cut) for one in item)
        ):
            del body[key]
            unread.append(list(here))


def _is_cut(value: object, depth: int, cut: int) -> bool:
    return is_truncated_rendering(value) or (depth == cut and value == "")


def _has_cut(value: object, depth: int, cut: int) -> bool:
    """Return whether an element of a list holds a value that was, or may have been, cut to text."""
    if isinstance(value, dict):
        return any(
            (depth + 1 == cut and isinstance(item, str)) or _has_cut(item, depth + 1, cut)
            for item in value.values()
        )
    if isinstance(value, list):
        return any(_has_cut(one, depth + 1, cut) for one in value)
    return is_truncated_rendering(value)
