"""Values of JSON, TOML and YAML whose shape is not known before they are read."""

from __future__ import annotations

from typing import Any


class WrongShapeError(Exception):
    """A value that is not of the kind that its place has: what is wanted and what is there."""


def require_table(value: object) -> dict[str, Any]:
    """Return a table with text keys, an empty one where there is none; raises WrongShapeError for any other value."""
    if value is None or value == "":
        return {}
    if not isinstance(value, dict):
        raise WrongShapeError(f"must be a table (got {type(value).__name__})")
    return {str(key): item for key, item in value.items()}


def require_tables(value: object) -> list[dict[str, object]]:
    """Return a list of tables; raises WrongShapeError."""
    return [require_table(item) for item in require_array(value)]


def require_array(value: object) -> list[Any]:
    """Return a list, an empty one where there is none; raises WrongShapeError for any other value."""
    if value is None or value == "":
        return []
    if not isinstance(value, list):
        raise WrongShapeError(f"must be a list (got {type(value).__name__})")
    return value


def require_word(value: object) -> str:
    """Return a text or number as text, '' where there is none; raises WrongShapeError for any other value."""
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int | float):
        return str(value)
    raise WrongShapeError(f"must be a string (got {type(value).__name__})")


def require_words(value: object) -> tuple[str, ...]:
    """Return the texts of a list, or the one text that stands instead of it; raises WrongShapeError."""
    return (
        (value.strip(),)
        if isinstance(value, str) and value.strip()
        else tuple(map(require_word, require_array(value)))
    )
