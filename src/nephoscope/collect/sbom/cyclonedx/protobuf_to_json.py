"""Values of messages as JSON has them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from nephoscope.collect.sbom.cyclonedx.protobuf_messages import Field
from nephoscope.files.json_tree import Tree

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def put(tree: Tree, field: Field, value: Any) -> None:
    """Put the value of a field into the tree of its message; the last one counts where it is not repeated."""
    if field.is_repeated:
        tree.setdefault(field.key, []).append(value)
    else:
        tree[field.key] = value


def finish(message: str, tree: Tree) -> object:
    """Return a message as JSON has it: a time as text, what a dependency needs as references."""
    if message == "Timestamp":
        return _time(tree)
    if message == "Dependency" and "dependsOn" in tree:
        return tree | {
            "dependsOn": [one.get("ref", "") for one in tree["dependsOn"] if isinstance(one, dict)]
        }
    return tree


def _time(tree: Tree) -> str:
    """Return seconds since 1970 in RFC 3339, '' for a time outside of the calendar."""
    seconds = tree.get("seconds", 0)
    try:
        return (_EPOCH + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
    except (OverflowError, TypeError):
        return ""
