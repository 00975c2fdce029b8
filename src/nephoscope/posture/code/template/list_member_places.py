"""Places of list members: the member of a list that a condition counted, by its name and at the value that people change."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from nephoscope.posture.code.template.source_locations import BodyPath
from nephoscope.posture.code.template.template_resource import WrittenResource
from nephoscope_policy.arm.template.document import member
from nephoscope_policy.body_paths import MISSING, walk_path

_RULE = ("access", "direction", "protocol")
_PORTS = ("destinationPortRange", "destinationPortRanges")
_RANGE = re.compile(r"(\d+)(?:-(\d+))?")
Ports = tuple[tuple[int, int], ...]
"""Ranges of ports, first and last."""


def locate_deciding_value(
    resource: WrittenResource, at: BodyPath, inside: Sequence[BodyPath] = (), ports: Ports = ()
) -> BodyPath:
    """The path of the value that decides in what a condition read: of a security rule it is the port.

    `inside` are the places for which a count took what was read, `ports` those that an analyzer found open.
    """
    for place, value in _list_ports(resource, at):
        if not isinstance(value, list):
            return place
        counted = (one for one in inside if _is_element(one, place))
        opened = ((*place, index) for index, one in enumerate(value) if _overlaps(one, ports))
        return next(counted, None) or next(opened, None) or place
    return inside[0] if len(inside) == 1 and walk_path(resource.body, inside[0]) is not MISSING else at


def _list_ports(resource: WrittenResource, at: BodyPath) -> Iterator[tuple[BodyPath, object]]:
    """Yield what a security rule says of ports, each with its place; nothing of what is no security rule."""
    whole = walk_path(resource.body, at) if at else resource.body
    inner = member(whole, "properties") if isinstance(whole, dict) else None
    rule, place = (inner[1], (*at, inner[0])) if inner is not None else (whole, at)
    if not isinstance(rule, dict) or any(member(rule, name) is None for name in _RULE):
        return
    for name in _PORTS:
        found = member(rule, name)
        if found is not None and found[1] not in ("", [], None):
            yield (*place, found[0]), found[1]


def _is_element(one: BodyPath, of: BodyPath) -> bool:
    return len(one) == len(of) + 1 and [str(key).lower() for key in one[:-1]] == [
        str(key).lower() for key in of
    ]


def _overlaps(value: object, ports: Ports) -> bool:
    if value == "*":
        return bool(ports)
    found = _RANGE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        return False
    low, high = int(found[1]), int(found[2] or found[1])
    return any(low <= last and first <= high for first, last in ports)


def read_ports(details: Mapping[str, object]) -> Ports:
    """Return the ports that the details of a finding name, as `port` or as `ports`."""
    ports_text = str(details.get("port") or details.get("ports") or "")
    return tuple((int(one[1]), int(one[2] or one[1])) for one in _RANGE.finditer(ports_text))


def get_member_name(body: Mapping[str, object], at: BodyPath) -> str:
    """The name of the member of a list that a condition counted; '' for what is none, or has no known name."""
    if not at or not isinstance(at[-1], int):
        return ""
    named = member(walk_path(body, at), "name")
    return named[1] if named is not None and isinstance(named[1], str) else ""
