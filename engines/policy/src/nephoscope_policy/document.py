"""Reading a policy document: JSON text to plain values, without losing duplicate keys."""

from __future__ import annotations

import json
from collections.abc import Mapping

from nephoscope_policy.errors import PolicyError

MAX_DEPTH = 64
"""Nesting beyond this is refused; the deepest built-in definition stays far under it."""
MAX_TEXT = 4 * 1024 * 1024


def load(text: str | bytes) -> object:
    """Parse JSON text; raises PolicyError for malformed text, a duplicate key (in any case) or text over 4 MiB."""
    if len(text) > MAX_TEXT:
        raise PolicyError(f"the document is larger than {MAX_TEXT} bytes")
    try:
        return json.loads(
            text.decode("utf-8-sig") if isinstance(text, bytes) else text, object_pairs_hook=_build_object
        )
    except UnicodeDecodeError as error:
        raise PolicyError(f"the document is not UTF-8: {error.reason} at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise PolicyError(f"not JSON: {error.msg} (line {error.lineno}, column {error.colno})") from error
    except RecursionError as error:
        raise PolicyError("the document is nested too deeply") from error
    except ValueError as error:
        raise PolicyError("not usable: a number has thousands of digits") from error


def _build_object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result: dict[str, object] = {}
    seen: set[str] = set()
    for key, value in pairs:
        if key.lower() in seen:
            raise PolicyError(
                f"the key '{key}' appears twice in one object (keys are read in any case)", path=key
            )
        seen.add(key.lower())
        result[key] = value
    return result


def get_ignoring_case(mapping: Mapping[str, object], name: str, default: object = None) -> object:
    """The value of a key in any case."""
    if name in mapping:
        return mapping[name]
    wanted = name.lower()
    return next(
        (value for key, value in mapping.items() if isinstance(key, str) and key.lower() == wanted), default
    )


def has_member(mapping: dict[str, object], name: str) -> bool:
    """Return whether the key is there, in any case."""
    return get_ignoring_case(mapping, name, _ABSENT) is not _ABSENT


_ABSENT: object = object()


def describe_type(value: object) -> str:
    """The JSON name of a value's type, for messages."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, list):
        return "an array"
    return "an object" if isinstance(value, dict) else type(value).__name__
