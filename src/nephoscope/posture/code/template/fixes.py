"""Fixes of findings in templates: edits of exactly the text that decides, where one value makes the rule hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from nephoscope.posture.code.finding import Edit
from nephoscope.posture.code.template.fix_requirements import is_deployable
from nephoscope_policy.arm.template import PlannedResource
from nephoscope_policy.body_paths import MISSING, step_into_value
from nephoscope_policy.engine_differences import SWITCHES
from nephoscope_policy.operators import assess

if TYPE_CHECKING:
    from nephoscope.posture.code.template.source_locations import BodyPath, ValueLocator
    from nephoscope.posture.code.template.template_resource import WrittenResource
    from nephoscope_policy.arm.template import TemplateDocument, WrittenValue
    from nephoscope_policy.model.assessment import Reason

_OPPOSITES = {"enabled": "Disabled", "disabled": "Enabled", "allow": "Deny"}
_TOKENS = re.compile(r"[./\[\]*]+")
_NOT = ".not"
_UNSURE = (_NOT, ".count", ".where")


def propose_values(reasons: Iterable[Reason]) -> Iterator[tuple[str, BodyPath, str, object]]:
    """The values that each make a rule hold, the surest first: (id of what to change, '' = the resource; where; alias; value)."""
    decided = [one for one in reasons if one.at and not one.subject.startswith(("count(", "["))]
    own: dict[BodyPath, list[Reason]] = {}
    for reason in decided:
        if not reason.resource and reason.at[0] == "properties":
            own.setdefault(reason.at, []).append(reason)
    for at, found in own.items():
        value = propose_value(found, decided)
        if value is not MISSING:
            yield "", at, found[0].subject, value
    related = [one for one in decided if one.resource]
    if len({(one.resource, one.at) for one in related}) == 1:
        value = find_related_value(related)
        if value is not MISSING:
            yield related[0].resource, related[0].at, related[0].subject, value


def propose_value(reasons: Sequence[Reason], every: Iterable[Reason]) -> object:
    """The value that makes a matched rule not match, of one field; MISSING where no single value is sure to.

    `reasons` are those that read the field, `every` all that decided.
    """
    if any(mark in reason.path.removesuffix(_NOT) for reason in reasons for mark in _UNSURE):
        return MISSING
    fields = {reason.at for reason in every if any(_is_same_choice(reason, one) for one in reasons)}
    if len(fields | {reasons[0].at}) > 1:
        return MISSING
    for reason in reasons:
        value = _find_passing_value(reason) if _is_reason_negated(reason) else _find_failing_value(reason)
        if value is not MISSING and all(
            _meets_condition(one, value) is _is_reason_negated(one) for one in reasons
        ):
            return value
    return MISSING


def _is_reason_negated(reason: Reason) -> bool:
    """Return whether a condition stands in a `not`, so that it did not hold and has to."""
    return reason.path.endswith(_NOT)


def _meets_condition(reason: Reason, value: object) -> bool:
    return assess(reason.operator, value, reason.expected, SWITCHES)


def _is_same_choice(one: Reason, other: Reason) -> bool:
    """Return whether two conditions stand in one `anyOf`: each of them alone makes it hold."""
    prefix, found, _ = other.path.partition(".anyOf")
    return bool(found) and one.path.startswith(f"{prefix}.anyOf")


def _find_failing_value(reason: Reason) -> object:
    """A value with which a condition does not hold."""
    expected = reason.expected
    if reason.operator == "notequals":
        return _read_scalar(expected)
    if reason.operator == "notin" and isinstance(expected, list) and expected:
        return _read_scalar(expected[0])
    if reason.operator in ("equals", "in"):
        items = expected if isinstance(expected, list) else [expected]
        return next((found for item in items if (found := _negate_condition(item)) is not MISSING), MISSING)
    return expected if reason.operator == "less" and isinstance(expected, int) else MISSING


def _find_passing_value(reason: Reason) -> object:
    """A value with which a condition holds."""
    expected = reason.expected
    if reason.operator in ("equals", "greaterorequals"):
        return _read_scalar(expected)
    if reason.operator == "in" and isinstance(expected, list) and expected:
        return _read_scalar(expected[0])
    return _negate_condition(expected) if reason.operator == "notequals" else MISSING


def _read_scalar(value: object) -> object:
    """A value as a template has it: rules write booleans as text, too."""
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return value if isinstance(value, str | bool | int) else MISSING


def _negate_condition(value: object) -> object:
    known = _read_scalar(value)
    if isinstance(known, bool):
        return not known
    return _OPPOSITES.get(known.lower(), MISSING) if isinstance(known, str) else MISSING


def find_related_value(reasons: Sequence[Reason]) -> object:
    """The value that makes the conditions on one field of a related resource hold; MISSING where it is not sure."""
    if any(mark in reason.path for reason in reasons for mark in _UNSURE):
        return MISSING
    for reason in reasons:
        value = _find_passing_value(reason)
        if value is not MISSING and (
            ".anyOf" in reason.path or all(_meets_condition(one, value) for one in reasons)
        ):
            return value
    return MISSING


def build_edit(
    places: ValueLocator, resource: WrittenResource, at: BodyPath, subject: str, value: object
) -> Edit | None:
    """The edit that gives a part of a resource's body a value; None where it makes none that Azure takes, or no literal decides."""
    if not is_deployable(resource.type, resource.body, at, value):
        return None
    if not isinstance(resource, PlannedResource):
        from nephoscope.posture.code.template.terraform_fixes import build_attribute_edit

        return build_attribute_edit(places, resource, at, value)
    found = places.find(resource, at)
    if any(written.document.compiled for written in places.trail(resource, at)):
        return None  # the text is not JSON
    if found.absent:
        return _build_insertion(places, found.written, _list_missing_members(resource, at, subject), value)
    for written in reversed(places.trail(resource, at)):
        if written.document.text and not written.offset and _is_literal(written):
            start, end = written.span
            region = places.region(written.document, start, end)
            return Edit(region, json.dumps(value))
    return None


def _is_literal(written: WrittenValue) -> bool:
    start, end = written.span
    text = written.document.text[start:end]
    return not text.startswith(('"[', "'[", "{", "[")) or text.startswith(('"[[', "'[["))


def _list_missing_members(resource: WrittenResource, at: BodyPath, subject: str) -> list[str]:
    """The names of the members that have to be made, spelled as the alias spells them."""
    value: object = resource.body
    names = {token.lower(): token for token in _TOKENS.split(subject)}
    for index, key in enumerate(at):
        found = step_into_value(value, key)
        if not isinstance(found, dict | list):
            return [names.get(str(one).lower(), str(one)) for one in at[index:]]
        value = found
    return []


def _build_insertion(
    places: ValueLocator, around: WrittenValue, names: list[str], value: object
) -> Edit | None:
    document = around.document
    if not names or not document.text:
        return None
    start, end = around.span
    if document.text[start : start + 1] != "{":
        return None
    for name in reversed(names[1:]):
        value = {name: value}
    member = f"{json.dumps(names[0])}: {json.dumps(value)}"
    return Edit(
        places.region(document, start + 1, start + 1), _format_member(document, start + 1, end, member)
    )


def _format_member(document: TemplateDocument, at: int, end: int, member: str) -> str:
    """A member's text as it stands first in an object."""
    rest = document.text[at:end]
    blank = rest[: len(rest) - len(rest.lstrip())]
    comma = "" if rest.lstrip().startswith("}") else ","
    if "\n" not in blank:
        return f" {member}{comma}"
    margin = blank.rpartition("\n")[2]
    return f"\n{margin}{'  ' if not comma else ''}{member}{comma}"
