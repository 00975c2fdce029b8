"""A made-up resource under construction: a bare body of a type, and edits to it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from nephoscope_policy.body_paths import STAR
from nephoscope_policy.model.resource import Resource

SUBSCRIPTION = "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590"
GROUP = f"{SUBSCRIPTION}/resourceGroups/made"
NAME = ("@name",)


class Mark:
    """Values that stand for something else."""

    ABSENT = "<absent>"
    EXISTS = "<exists>"


#: A path into the body (or NAME) and the value to put there.
Edit = tuple[tuple[Any, ...], Any]
Edits = tuple[Edit, ...]


def resource_id(type_: str, name: str = "made-one") -> str:
    """An id of a lower-cased type in the made-up resource group; the containers have their own ids."""
    if type_ == "microsoft.resources/subscriptions":
        return SUBSCRIPTION
    if type_ in ("microsoft.resources/subscriptions/resourcegroups", "microsoft.resources/resourcegroups"):
        return GROUP
    namespace, *kinds = type_.split("/")
    names = [*(f"parent{level}" for level in range(len(kinds) - 1)), name]
    return f"{GROUP}/providers/{namespace}/" + "/".join(
        f"{kind}/{one}" for kind, one in zip(kinds, names, strict=True)
    )


@dataclass(frozen=True, slots=True)
class Bare:
    """What edits start from."""

    id: str
    type: str

    def resource(self, edits: Edits) -> Resource:
        """The resource that the edits make."""
        body: dict[str, Any] = {
            "id": self.id,
            "name": self.id.rsplit("/", 1)[-1],
            "type": self.type,
            "location": "westeurope",
            "tags": {},
            "properties": {},
        }
        placed = dict(edits)
        for path in sorted(placed, key=lambda path: (placed[path] is Mark.EXISTS, len(path))):
            if path == NAME:
                if not _is_name(placed[path]):
                    continue
                body["id"] = body["id"].rsplit("/", 1)[0] + "/" + placed[path].rsplit("/", 1)[-1]
                body["name"] = placed[path]
            else:
                _put(body, path, placed[path])
        return Resource.of(body)


def _is_name(value: Any) -> bool:
    return (
        isinstance(value, str)
        and value is not Mark.ABSENT
        and value is not Mark.EXISTS
        and value.rsplit("/", 1)[-1] != ""
    )


def _put(body: dict[str, Any], path: tuple[Any, ...], value: Any) -> None:
    node: Any = body
    for here, following in pairwise(path):
        node = _step(node, here, following)
        if node is None:
            return
    last = 0 if path[-1] is STAR else path[-1]
    if isinstance(last, int):
        if isinstance(node, list):
            node.extend({} for _ in range(last + 1 - len(node)))
            if value is not Mark.ABSENT and not (value is Mark.EXISTS and node[last] != {}):
                node[last] = "x" if value is Mark.EXISTS else copy.deepcopy(value)
        return
    if not isinstance(node, dict):
        return
    if value is Mark.ABSENT:
        node.pop(last, None)
    elif value is Mark.EXISTS:
        node.setdefault(last, "x")
    else:
        node[last] = copy.deepcopy(value)


def _step(node: Any, here: Any, following: Any) -> Any:
    """One level down, making the container that the next segment needs."""
    wanted: Any = list if following is STAR or isinstance(following, int) else dict
    if isinstance(node, list):
        index = 0 if here is STAR else here
        if not isinstance(index, int):
            return None
        node.extend({} for _ in range(index + 1 - len(node)))
        if not isinstance(node[index], wanted):
            node[index] = wanted()
        return node[index]
    if not isinstance(node, dict) or here is STAR:
        return None
    if not isinstance(node.get(here), wanted):
        node[here] = wanted()
    return node[here]
