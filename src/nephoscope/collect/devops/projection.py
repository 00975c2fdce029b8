"""Projection: the members of a response to store, so that secrets and tokens never reach a snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

_MOST_TEXT = 2_000
_MOST_ITEMS = 10_000


def project_members(body: object, keep: Iterable[str]) -> dict[str, object]:
    """Keep the members of an object that paths name: `a.b`, `a.*.b` for every member of `a`; lists are gone through.

    `a?` keeps whether there is a value, and not the value; `a@` only the scheme and host of an address.
    """
    tree: dict[str, Any] = {}
    for path in keep:
        node = tree
        for part in path.split("."):
            node = node.setdefault(part, {})
    found = _project_value(body, tree)
    return found if isinstance(found, dict) else {}


def _project_value(value: Any, tree: Mapping[str, Any]) -> object:
    if not tree:
        return _shorten_projected_value(value)
    if isinstance(value, list):
        return [_project_value(one, tree) for one in value[:_MOST_ITEMS]]
    if not isinstance(value, dict):
        return None
    if "*" in tree:
        return {
            str(key): _project_value(inner, tree["*"]) for key, inner in list(value.items())[:_MOST_ITEMS]
        }
    found: dict[str, Any] = {}
    for name, below in tree.items():
        plain = name.rstrip("?@")
        if name.endswith("?"):
            found[plain] = bool(value.get(plain))
        elif plain in value:
            found[plain] = (
                _extract_origin(value[plain]) if name.endswith("@") else _project_value(value[plain], below)
            )
    return found


def _shorten_projected_value(value: object) -> object:
    return value[:_MOST_TEXT] if isinstance(value, str) else value


def _extract_origin(value: object) -> str:
    """The scheme and host of an address: user, path and query may hold a token."""
    try:
        parts = urlsplit(value if isinstance(value, str) else "")
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.hostname}{port}" if parts.hostname else ""
