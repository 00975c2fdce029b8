"""Message of a finding in a template: the title of the rule, what decided, and which part of which resource that was."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from nephoscope.posture.code.template.list_member_places import get_member_name

if TYPE_CHECKING:
    from nephoscope.posture.code.code_rule import CodeRule
    from nephoscope.posture.code.template.planned_estate import PlannedEstate
    from nephoscope.posture.code.template.template_resource import WrittenResource
    from nephoscope_policy.model.assessment import Reason

#: Characters of a template that a message quotes: a whole object is read at its place.
_MOST_EVIDENCE = 80


def format_message(rule: CodeRule, resource: WrittenResource, said: str) -> str:
    """Return the message: the rule's title, the resource's label where it has one, and what decided."""
    title = f"{rule.title} ({resource.label})" if resource.label else rule.title
    return f"{title}: {said}" if said else title


def describe_counted_members(
    reasons: Iterable[Reason], judged: str, evidence: str, planned: PlannedEstate
) -> str:
    """Name the members of lists that conditions counted, else the related resource that failed them, in brackets; '' = neither.

    `judged` is the id of the resource that the finding is about, `evidence` the text of the place that decided.
    """
    several = list(reasons)
    counted = _describe_counted_members(several, judged, planned)
    if not counted:
        return _describe_related_resource(several, judged)
    value = f": {_quote_evidence(evidence)}" if len(counted) == 1 and evidence else ""
    return f" ({', '.join(counted)}{value})"


def _describe_counted_members(reasons: Iterable[Reason], judged: str, planned: PlannedEstate) -> list[str]:
    """List the names of the members of lists that conditions counted."""
    found: dict[str, None] = {}
    for reason in reasons:
        one = planned.estate.resources.get((reason.resource or judged).lower())
        name = get_member_name(one.body, reason.at) if one is not None else ""
        if name:
            found[name] = None
    return [*found]


def _describe_related_resource(reasons: Iterable[Reason], judged: str) -> str:
    """Name the resource whose conditions failed where that is another than the judged one: ` (auditingSettings default)`; else ''."""
    read = {one.resource.lower(): one.resource for one in reasons}
    if len(read) != 1 or not all(read) or judged.lower() in read:
        return ""
    kind, _, name = next(iter(read.values())).rstrip("/").rpartition("/")
    return f" ({kind.rpartition('/')[2]} {name})"


def _quote_evidence(text: str) -> str:
    """Return a part of a template on one line, cut where it is a whole object."""
    words = " ".join(text.split())
    return words if len(words) <= _MOST_EVIDENCE else f"{words[:_MOST_EVIDENCE].rstrip()} ..."
