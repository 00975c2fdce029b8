"""Property loops: the members that an object makes by `copy`."""

from __future__ import annotations

from typing import Any

import msgspec

from nephoscope_policy.arm.template.document import member


class VariableLoop(msgspec.Struct, frozen=True):
    """A variable that a loop makes."""

    loop: dict[str, Any]


def loops_of(node: dict[str, Any]) -> list[Any]:
    """The property loops that an object declares under `copy`, [] where it has none."""
    found = member(node, "copy")
    loops = found[1] if found else None
    return loops if isinstance(loops, list) and all(isinstance(loop, dict) for loop in loops) else []
