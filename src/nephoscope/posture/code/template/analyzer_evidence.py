"""Analyzer evidence: the reason and security rules behind a verdict on a planned resource."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from nephoscope.analyze.assessment_overlay import build_assessment_id
from nephoscope.posture.code.template.list_member_places import Ports, locate_deciding_value, read_ports
from nephoscope_policy.arm.template.document import member

if TYPE_CHECKING:
    from nephoscope.posture.code.template.planned_estate import PlannedEstate
    from nephoscope.posture.code.template.source_locations import BodyPath
    from nephoscope.posture.code.template.template_resource import WrittenResource
    from nephoscope.posture.evaluation.finished_run import EvaluationRun
    from nephoscope_policy.model.assessment import Assessment, Reason

_RULES = "/securityrules/"


def find_analyzer_assessment(run: EvaluationRun, reasons: Iterable[Reason]) -> Assessment | None:
    """The analyzer's own verdict that reasons read; None where they read none."""
    read = {reason.resource.lower() for reason in reasons if reason.resource}
    if not read:
        return None
    said = run.analysis.assessments
    return next((one for one in said if build_assessment_id(one.resource, one.key).lower() in read), None)


def find_planned_rules(
    said: Assessment, planned: PlannedEstate
) -> Iterator[tuple[WrittenResource, BodyPath]]:
    """Yield where the ports of the security rules that an analyzer names are planned: in resources, or in the bodies of groups."""
    for part in said.sub_assessments:
        yield from locate_rules(map(str, part.details.get("rules") or ()), planned, read_ports(part.details))


def locate_rules(
    ids: Iterable[str], planned: PlannedEstate, ports: Ports = ()
) -> Iterator[tuple[WrittenResource, BodyPath]]:
    """Yield where the ports of security rules are planned, by the ids of the rules."""
    for id_ in ids:
        key = id_.lower()
        own, group = planned.planned.get(key), planned.planned.get(key.partition(_RULES)[0])
        if own is not None:
            yield own, locate_deciding_value(own, ("properties",), ports=ports)
        elif group is not None:
            in_group = _find_in_group(group, key.partition(_RULES)[2])
            yield from ((group, locate_deciding_value(group, at, ports=ports)) for at in in_group)


def _find_in_group(group: WrittenResource, name: str) -> Iterator[BodyPath]:
    properties = member(group.body, "properties")
    rules = member(properties[1], "securityRules") if properties is not None else None
    for index, rule in enumerate(rules[1] if rules is not None and isinstance(rules[1], list) else ()):
        named = member(rule, "name")
        if properties and rules and named is not None and str(named[1]).lower() == name:
            yield properties[0], rules[0], index
