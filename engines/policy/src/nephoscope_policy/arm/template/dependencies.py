"""`dependsOn` as ids: of symbolic names, loops, resource names, relative and full ids."""

from __future__ import annotations

from nephoscope_policy.arm.template.deployment import Deployment
from nephoscope_policy.arm.template.expansion_result import PlannedResource
from nephoscope_policy.arm.template.reference_function import find_planned_resource
from nephoscope_policy.arm.text_patterns import build_pattern, format_pattern, is_open
from nephoscope_policy.arm.unknown import Unknown


def resolve_dependencies(deployment: Deployment) -> None:
    """Give every resource of a deployment the ids that it depends on; a name that means nothing is reported."""
    for resource in deployment.resources:
        found = resource.member("dependsOn")
        if found is None:
            continue
        path = (*resource.origin.path, found[0])
        value = resource.origin.frame.evaluate(resource.origin.document, path, found[1])
        if isinstance(value, Unknown):
            continue
        entries = value if isinstance(value, list) else [value]
        ids: dict[str, None] = {}
        for place, entry in enumerate(entries):
            for one in _resolve_entry(deployment, resource, entry, (*path, place)):
                ids.setdefault(one)
        resource.depends_on = tuple(ids)


def _resolve_entry(
    deployment: Deployment, resource: PlannedResource, entry: object, path: tuple[str | int, ...]
) -> list[str]:
    text = build_pattern(entry) if isinstance(entry, str | Unknown) else None
    if text is None:
        return []
    lowered = text.lower()
    loop = deployment.symbols.get(lowered) or deployment.loops.get(lowered)
    if loop is not None:
        return [one.id for one in loop if not one.existing]
    found = find_planned_resource(deployment, text)
    if found is not None:
        return [] if found.existing else [found.id]
    if lowered in deployment.absent:
        return []
    if text.startswith("/"):
        return [format_pattern(text)]
    if is_open(text):
        return []
    deployment.plan.report(
        resource.origin.document.find_place(path),
        f"dependsOn names {text!r}, which is no resource of the template",
        error=False,
    )
    return []
