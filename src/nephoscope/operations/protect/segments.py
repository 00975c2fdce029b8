"""Network segments: the plan in force, what the stored estates let through against it, and the request of the rules that close it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec

from nephoscope.operations.declaration.operation import (
    ApiRoute,
    CommandLine,
    OperationCall,
    OperationGroup,
    convert_not_found_error,
    translate_errors,
)
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import Shape
from nephoscope.posture.exposure.address_text import format_addresses, format_ports
from nephoscope.protect.segments.segment_plan import SegmentPlan
from nephoscope.protect.segments.segment_violations import SegmentViolation
from nephoscope.service import segment_plans as service
from nephoscope.service.network_rules import WRITE as WRITE_RULES
from nephoscope.service.segment_plans import READ, WRITE
from nephoscope.state import StateError

OPERATIONS = OperationGroup(
    "segments", "Network segments", "The segment plan",
    "The plan of network segments in force: change it, list its violations, request the rules that close them.",
)  # fmt: skip


class SegmentPlanText(Shape, frozen=True, kw_only=True):
    """A plan as YAML."""

    plan: Annotated[
        str,
        describe("Segments and allowed flows as YAML.", label="Plan", block=True, min_length=1, max_length=service.MOST_TEXT),
    ]  # fmt: skip


class SegmentPlanShape(Shape, frozen=True, kw_only=True):
    """The plan in force: its text, and why it is not valid ('' = it is)."""

    plan: str
    fault: str


class SegmentSummary(Shape, frozen=True, kw_only=True):
    """Number of segments and of allowed flows of a plan."""

    segments: int
    allowed: int


class SegmentViolationShape(Shape, frozen=True, kw_only=True):
    """Ports of a machine that another segment reaches against the plan, and the rules that let it."""

    source_segment: str
    target_segment: str
    source: str
    target: str
    protocol: str
    ports: str
    rules: tuple[str, ...]


class SegmentViolationList(Shape, frozen=True, kw_only=True):
    """The violations of all stored estates, what was not collected, and why there is no block."""

    value: tuple[SegmentViolationShape, ...]
    not_collected: tuple[str, ...]
    obstacles: tuple[str, ...]


class RequestedBlocks(Shape, frozen=True, kw_only=True):
    """The runs that were requested."""

    runs: tuple[str, ...]


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/segmentPlan"), CommandLine("show", message=lambda one: one.plan)
)
def show_plan(call: OperationCall) -> SegmentPlanShape:
    """Show the plan in force."""
    with convert_not_found_error("A segment plan"):
        found = service.read_plan(call.service)
        if found is None:
            service.require_plan(call.service)
    assert found is not None
    return SegmentPlanShape(plan=found.text, fault=found.fault)


@OPERATIONS.operation(
    WRITE,
    ApiRoute("PUT", "/segmentPlan", most=2 * service.MOST_TEXT),
    CommandLine("set", message="{segments} segments, {allowed} allowed flows"),
)
def set_plan(call: OperationCall, body: SegmentPlanText) -> SegmentSummary:
    """Put a plan in force: each assessment judges observed flows by it."""
    with translate_errors("plan", StateError):
        made: SegmentPlan = service.put_plan(call.service, body.plan)
    return SegmentSummary(segments=len(made.segments), allowed=len(made.allowed))


@OPERATIONS.operation(WRITE, ApiRoute("DELETE", "/segmentPlan", 204), CommandLine("remove"))
def remove_plan(call: OperationCall) -> None:
    """Take the plan out of force."""
    with convert_not_found_error("A segment plan"):
        service.remove_plan(call.service)


def _list_rows(found: SegmentViolationList) -> list[dict[str, object]]:
    return [msgspec.to_builtins(one) for one in found.value]


def _list_notes(found: SegmentViolationList) -> Iterator[str]:
    yield from (f"Unknown: {one} was not collected" for one in found.not_collected)
    yield from (f"no block: {one}" for one in found.obstacles)


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/segmentPlan/violations"),
    CommandLine(
        "violations", columns=("sourceSegment", "targetSegment", "source", "target", "protocol", "ports", "rules"), rows=_list_rows,
        nothing="no flow between segments is open that the plan does not allow", notes=_list_notes,
    ),
)  # fmt: skip
def list_violations(call: OperationCall) -> SegmentViolationList:
    """List what the stored estates let through between segments and the plan in force does not allow."""
    with convert_not_found_error("A segment plan"), translate_errors("", StateError):
        several = service.evaluate_plan(call.service)
    missing = dict.fromkeys(what for one in several for what in one.analysis.missing)
    return SegmentViolationList(
        value=tuple(_build_violation_shape(each) for one in several for each in one.analysis.violations),
        not_collected=tuple(missing),
        obstacles=tuple(one.obstacle for one in several if one.obstacle),
    )


@OPERATIONS.operation(
    WRITE_RULES, ApiRoute("POST", "/segmentPlan/block"),
    CommandLine("request", message=lambda one: f"requested: {', '.join(one.runs)}; approved by `nephoscope response approve`"),
)  # fmt: skip
def request_block(call: OperationCall) -> RequestedBlocks:
    """Request the deny rules that close the violations and nothing else, by the network model; another user approves them."""
    with convert_not_found_error("A segment plan"), translate_errors("", StateError):
        return RequestedBlocks(runs=tuple(one.id for one in service.request_block(call.service)))


def _build_violation_shape(one: SegmentViolation) -> SegmentViolationShape:
    return SegmentViolationShape(
        source_segment=one.source_segment,
        target_segment=one.target_segment,
        source=one.source.name or format_addresses(one.source.addresses),
        target=one.target.name,
        protocol=one.protocol,
        ports=format_ports(one.ports),
        rules=one.rules,
    )
