"""Property loops: the members that an object makes by `copy`."""

from __future__ import annotations

import msgspec

from nephoscope_policy.arm.template.document import member


class VariableLoop(msgspec.Struct, frozen=True):
    """A variable that a loop makes."""

    loop: dict[str, object]


def list_property_loops(node: dict[str, object]) -> list[dict[str, object]]:
    """The property loops that an object declares under `copy`, [] where it has none."""
    found = member(node, "copy")
    loops = found[1] if found else None
    if not isinstance(loops, list):
        return []
    objects = [loop for loop in loops if isinstance(loop, dict)]
    return objects if len(objects) == len(loops) else []
