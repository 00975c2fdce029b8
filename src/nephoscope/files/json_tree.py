"""Values out of trees that anybody may have written: what has another type than it should is not there."""

from __future__ import annotations

Tree = dict[str, object]


def get_text(tree: object, *path: str) -> str:
    """Return the text at a path of keys, '' where there is none; numbers count as text."""
    value = tree
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def get_tree(tree: object, *path: str) -> Tree:
    """Return the object at a path of keys, empty where there is none."""
    value = tree
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def get_list(tree: object, *path: str) -> list[object]:
    """Return the list at a path of keys, empty where there is none."""
    *before, last = path
    value = get_tree(tree, *before).get(last)
    return value if isinstance(value, list) else []


def list_trees(tree: object, *path: str) -> list[Tree]:
    """Return the objects of the list at a path of keys."""
    return [one for one in get_list(tree, *path) if isinstance(one, dict)]


def append_to(tree: Tree, key: str, value: object) -> None:
    """Put a value at the end of the list of a key, which begins with the first one."""
    values = tree.setdefault(key, [])
    if isinstance(values, list):
        values.append(value)


def list_texts(tree: object, *path: str) -> list[str]:
    """Return the texts of the list at a path of keys."""
    return [one for one in get_list(tree, *path) if isinstance(one, str)]
