"""Values of messages as JSON has them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from nephoscope.collect.sbom.cyclonedx.protobuf_messages import Field
from nephoscope.files.json_tree import Tree, append_to, list_trees

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def set_field(tree: Tree, field: Field, value: object) -> None:
    """Put the value of a field into the tree of its message; the last one counts where it is not repeated."""
    if field.is_repeated:
        append_to(tree, field.key, value)
    else:
        tree[field.key] = value


def finish_message(message: str, tree: Tree) -> object:
    """Return a message as JSON has it: a time as text, what a dependency needs as references."""
    if message == "Timestamp":
        return _format_time(tree)
    if message == "Dependency" and "dependsOn" in tree:
        return tree | {"dependsOn": [one.get("ref", "") for one in list_trees(tree, "dependsOn")]}
    return tree


def _format_time(tree: Tree) -> str:
    """Return seconds since 1970 in RFC 3339, '' for a time outside of the calendar."""
    seconds = tree.get("seconds", 0)
    try:
        since = timedelta(seconds=seconds) if isinstance(seconds, int | float) else None
        return "" if since is None else (_EPOCH + since).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return ""
