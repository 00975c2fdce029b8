"""Nesting limit of documents, since they are processed by recursion."""

from __future__ import annotations

from collections.abc import Iterator

#: Objects and arrays inside one another, as in .NET's readers, which Azure's surfaces are made with.
DEEPEST = 64


def is_nested_deeper(document: object, most: int = DEEPEST) -> bool:
    """Return whether more than so many objects and arrays lie inside one another in a JSON value."""
    level: list[dict[str, object] | list[object]] = [document] if isinstance(document, dict | list) else []
    for _ in range(most):
        if not level:
            return False
        level = [inner for one in level for inner in _iterate_children(one)]
    return bool(level)


def _iterate_children(value: dict[str, object] | list[object]) -> Iterator[dict[str, object] | list[object]]:
    """The objects and arrays right inside one."""
    children = value.values() if isinstance(value, dict) else value
    return (one for one in children if isinstance(one, dict | list))
