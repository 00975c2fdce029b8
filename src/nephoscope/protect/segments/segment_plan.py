"""NetworkSegment plans: named parts of the network and the flows that are allowed between them."""

from __future__ import annotations

import msgspec

from nephoscope.estate.addresses import AddressSet, Interval, merge_intervals, parse_prefix

PROTOCOLS = ("tcp", "udp")
_LAST_PORT = 65535


class SegmentPlanError(ValueError):
    """A segment plan is wrong; the message says what and where."""


class NetworkSegment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Selectors of machines (lower-cased ids of networks and subnets, tags) and of other hosts (`addresses`)."""

    networks: tuple[str, ...] = ()
    subnets: tuple[str, ...] = ()
    tags: dict[str, str] = {}
    addresses: tuple[str, ...] = ()


class AllowedFlow(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"source": "from", "target": "to"}
):
    """Ports (`443`, `8000-8010`, none = all) that one segment may reach in another, by tcp, udp or both (`*`)."""

    source: str
    target: str
    protocol: str = "tcp"
    ports: tuple[str | int, ...] = ()

    def list_port_intervals(self) -> tuple[Interval, ...]:
        """The allowed ports."""
        return merge_intervals(map(_parse_ports, self.ports)) if self.ports else ((0, _LAST_PORT),)


class SegmentPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Segments by name, and the matrix of allowed flows; every other flow between two segments is a violation."""

    segments: dict[str, NetworkSegment]
    allowed: tuple[AllowedFlow, ...] = ()

    def list_allowed_ports(self, source: str, target: str, protocol: str) -> tuple[Interval, ...]:
        """The ports that a segment may reach in another."""
        return merge_intervals(
            interval
            for one in self.allowed
            if (one.source, one.target) == (source, target) and one.protocol in ("*", protocol)
            for interval in one.list_port_intervals()
        )


def parse_segment_plan(text: bytes) -> SegmentPlan:
    """Read a plan from YAML; raises SegmentPlanError."""
    try:
        plan = msgspec.yaml.decode(text, type=SegmentPlan)
    except msgspec.MsgspecError as error:
        raise SegmentPlanError(str(error)) from error
    for name, segment in plan.segments.items():
        try:
            AddressSet.of(segment.addresses)
        except ValueError as error:
            raise SegmentPlanError(f"segments.{name}.addresses: {error}") from error
    for number, one in enumerate(plan.allowed):
        unknown = {one.source, one.target} - plan.segments.keys()
        if unknown:
            raise SegmentPlanError(f"allowed[{number}]: no segment is named {', '.join(sorted(unknown))}")
        if one.protocol not in (*PROTOCOLS, "*"):
            raise SegmentPlanError(f"allowed[{number}].protocol must be tcp, udp or *: {one.protocol}")
        one.list_port_intervals()
    return plan


def build_segment_addresses(segment: NetworkSegment) -> AddressSet:
    """The addresses that a segment names itself."""
    found = AddressSet()
    for text in segment.addresses:
        family, interval = parse_prefix(text)
        found |= AddressSet((interval,)) if family == 4 else AddressSet((), (interval,))
    return found


def _parse_ports(text: str | int) -> Interval:
    low, dash, high = str(text).partition("-")
    if not low.isdecimal() or (dash and not high.isdecimal()):
        raise SegmentPlanError(f"ports must be a port or a range such as 8000-8010: {text}")
    first, last = int(low), int(high or low)
    if not first <= last <= _LAST_PORT:
        raise SegmentPlanError(f"ports must rise and be at most {_LAST_PORT}: {text}")
    return first, last
