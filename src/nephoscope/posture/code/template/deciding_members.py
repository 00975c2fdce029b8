"""Deciding members: the member of a list that a condition counted, by its name and at the value that people change."""

from __future__ import annotations

from collections.abc import Mapping

from nephoscope.posture.code.template.source_locations import BodyPath
from nephoscope.posture.code.template.template_resource import WrittenResource
from nephoscope_policy.arm.template.document import member
from nephoscope_policy.body_paths import walk

_RULE = ("access", "direction", "protocol")
_PORTS = ("destinationPortRange", "destinationPortRanges")


def deciding_value(resource: WrittenResource, at: BodyPath) -> BodyPath:
    """The path of the value that decides in what a condition read: of a security rule it is the port."""
    whole = walk(resource.body, at) if at else resource.body
    inside = member(whole, "properties") if isinstance(whole, dict) else None
    rule = inside[1] if inside is not None else None
    if not isinstance(rule, dict) or any(member(rule, name) is None for name in _RULE):
        return at
    for name in _PORTS:
        found = member(rule, name)
        if inside is not None and found is not None and found[1] not in ("", [], None):
            return (*at, inside[0], found[0])
    return at


def member_name(body: Mapping[str, object], at: BodyPath) -> str:
    """The name of the member of a list that a condition counted; '' for what is none, or has no known name."""
    if not at or not isinstance(at[-1], int):
        return ""
    named = member(walk(body, at), "name")
    return named[1] if named is not None and isinstance(named[1], str) else ""
