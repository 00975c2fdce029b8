"""Values of OData: literals, properties at a path, and how the two compare.

Source: https://docs.oasis-open.org/odata/odata/v4.01/odata-v4.01-part2-url-conventions.html (comparison operators, null)
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from nephoscope.model.utc_time import assume_utc

COMPARED: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq, "ne": operator.ne, "gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le,
}  # fmt: skip
_WORDS = {"true": True, "false": False, "null": ""}
_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:[T ].*)?")


def parse_literal(found: re.Match[str]) -> object:
    """The value that a token of a filter is, null as ''; ValueError where it is none."""
    if found["text"] is not None:
        return found["text"].replace("''", "'")
    if found["quoted"] is not None:
        return found["quoted"]
    if found["guid"] is not None:
        return found["guid"]
    if found["time"] is not None:
        return _parse_time(found["time"])
    if found["number"] is not None:
        return float(found["number"])
    word = found["word"].lower()
    if word not in _WORDS:
        raise ValueError(f"{word} is not a value")
    return _WORDS[word]


def get_field_value(row: Mapping[str, object], name: str) -> object:
    """The value of a field in any case of its name, '' where the row has none."""
    return next((one for key, one in row.items() if key.lower() == name.lower()), "")


def get_value_at_path(row: Mapping[str, object], path: str) -> object:
    """The value at `properties/severity` (or with dots), '' where there is none."""
    value: Any = row
    for name in re.split("[/.]", path):
        value = get_field_value(value, name) if isinstance(value, Mapping) else ""
    return value


def has_path(row: Mapping[str, object], path: str) -> bool:
    """Return whether there is something at a path, null included."""
    value: Any = row
    for name in re.split("[/.]", path):
        if not isinstance(value, Mapping) or name.lower() not in (key.lower() for key in value):
            return False
        value = get_field_value(value, name)
    return True


def compare(sign: str, found: object, wanted: object) -> bool:
    """Numbers as numbers, times as times, all else as text in any case; what is not there is neither more nor less than anything."""
    compare = COMPARED[sign]
    if found in (None, "") and sign not in ("eq", "ne"):
        return False
    if isinstance(wanted, float) and isinstance(found, (int, float)) and not isinstance(found, bool):
        return compare(float(found), wanted)
    when, asked = parse_time(found), parse_time(wanted)
    if when is not None and asked is not None:
        return compare(when, asked)
    return compare(_to_lower_text(found), _to_lower_text(wanted))


def make_sort_key(value: object) -> tuple[int, object]:
    """Sort key: what is not there, then truths and numbers, then times, then texts in any case."""
    if value in (None, ""):
        return 0, 0
    if isinstance(value, (int, float)):
        return 1, value
    when = parse_time(value)
    return (2, when) if when is not None else (3, _to_lower_text(value))


def parse_time(value: object) -> datetime | None:
    """A time, or the time that a text is; None for all else."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        return None
    try:
        return _parse_time(value)
    except ValueError:
        return None


def _parse_time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return assume_utc(found)


def _to_lower_text(value: object) -> str:
    return str("" if value is None else value).lower()


def _compare_text(test: Callable[[str, str], bool]) -> Callable[[object, object], bool]:
    return lambda found, wanted: isinstance(found, str) and test(found.lower(), _to_lower_text(wanted))


FUNCTIONS: Mapping[str, Callable[[object, object], bool]] = {
    "contains": _compare_text(operator.contains),
    "startswith": _compare_text(str.startswith),
    "endswith": _compare_text(str.endswith),
}
