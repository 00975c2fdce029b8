"""`reference()`, `list*()` and their kin: a planned resource answers what it is planned with, all else is unknown."""

from __future__ import annotations

import re

from nephoscope_policy.arm import arguments as given
from nephoscope_policy.arm.errors import FunctionError
from nephoscope_policy.arm.template.expansion_types import DeploymentView, FrameView, PlannedResourceView
from nephoscope_policy.arm.text_patterns import build_pattern, escape_patterns, format_pattern, is_open
from nephoscope_policy.arm.unknown import OpenObject, UndecidedError, Unknown
from nephoscope_policy.arm.value import Value

_GROUP_TYPE = "/providers/microsoft.resources/resourcegroups/"
"""What resource id functions write for a resource group; its id has no provider."""
_TURN = re.compile(r"(?P<name>[^\[\]]+)\[(?P<index>[0-9]+)\]")


def evaluate_reference(frame: FrameView, arguments: list[object]) -> Value:
    """`reference(nameOrId, [apiVersion], ['Full'])`."""
    _require_count_between(arguments, 1, 3)
    target = _read_target(arguments[0])
    full = len(arguments) == 3 and given.get_text(arguments, 2).lower() == "full"
    found = find_planned_resource(frame.deployment, target)
    if found is not None:
        return build_reference(found, full=full)
    _expect_known_resource(frame.deployment, target)
    return _build_runtime(target, full=full)


def evaluate_references(frame: FrameView, arguments: list[object]) -> Value:
    """`references(symbolicNameOfLoop, ['Full'])`."""
    _require_count_between(arguments, 1, 2)
    name = given.get_text(arguments, 0)
    full = len(arguments) == 2 and given.get_text(arguments, 1).lower() == "full"
    found = frame.deployment.symbols.get(name.lower())
    if found is None:
        if name.lower() in frame.deployment.absent:
            return []
        raise FunctionError(f"no loop of resources has the symbolic name {name!r}")
    if any(one.repeated is not None for one in found):
        return Unknown("array", "runtime", f"how many {name} there are is unknown")
    return [build_reference(one, full=full) for one in found]


def evaluate_resource_info(frame: FrameView, arguments: list[object]) -> Value:
    """`resourceInfo(symbolicName)`: what is known of a resource before it is made."""
    _require_count_between(arguments, 1, 1)
    name = given.get_text(arguments, 0)
    found = find_planned_resource(frame.deployment, name)
    if found is None:
        _expect_known_resource(frame.deployment, name)
        return _build_runtime(name, full=True)
    known: dict[str, Value] = {
        key: found.body[key] for key in ("id", "name", "type", "location") if key in found.body
    }
    return {**known, "name": _find_full_name(found), "apiVersion": found.api_version}


def _find_full_name(resource: PlannedResourceView) -> Value:
    name = resource.full_name
    return resource.body["name"] if is_open(name) else name


def evaluate_list(_: FrameView, arguments: list[object]) -> Value:
    """`list*(nameOrId, apiVersion, [body])`: mostly a secret, and never known before."""
    _require_count_between(arguments, 0, 3)
    return Unknown("any", "secret", "list functions are answered by Azure")


def _read_target(value: Value) -> str:
    found = build_pattern(value)
    if found is None and isinstance(value, Unknown):
        raise UndecidedError(value)
    if found is None or not isinstance(value, str | Unknown):
        raise given.make_argument_type_error([value], 0, "a resource's name or id")
    return found


def _require_count_between(arguments: list[object], least: int, most: int) -> None:
    if not least <= len(arguments) <= most:
        raise FunctionError(f"takes {least} to {most} arguments, not {len(arguments)}")


def find_planned_resource(deployment: DeploymentView, target: str) -> PlannedResourceView | None:
    """The resource that a symbolic name, id or name means, None where none is planned."""
    lowered = target.lower()
    if lowered.startswith("/"):
        return deployment.plan.by_key.get(lowered.rstrip("/").replace(_GROUP_TYPE, "/resourcegroups/"))
    symbol = deployment.symbols.get(lowered)
    if symbol:
        return symbol[0]
    turn = _TURN.fullmatch(lowered)
    if turn is not None:
        several = deployment.symbols.get(turn["name"], [])
        if several and several[0].at_turn is not None:
            return several[0].at_turn(int(turn["index"]))
        return several[int(turn["index"])] if int(turn["index"]) < len(several) else None
    found = deployment.names.find(deployment.resources, lowered)
    return (
        found
        if found is not None or deployment.outer is None
        else find_planned_resource(deployment.outer, target)
    )


def _expect_known_resource(deployment: DeploymentView, target: str) -> None:
    if target.startswith("/") or is_open(target) or target.lower() in deployment.absent:
        return
    raise FunctionError(f"the template has no resource {target!r}: give its resourceId()")


def _build_runtime(target: str, *, full: bool) -> Unknown:
    what = f"reference() of {format_pattern(target)} is answered by Azure"
    return Unknown(
        "any", "runtime", what, escape_patterns(f"reference.{target.lower()}{'.full' if full else ''}")
    )


def build_reference(resource: PlannedResourceView, *, full: bool) -> Value:
    """Return what `reference()` gives of a planned resource: what it is planned with, the rest unknown.

    All is unknown of one that is only read, or of which it is unknown whether or how often it is made.
    """
    if resource.is_read or not resource.is_certain:
        return _build_reference_existing(resource, full=full)
    rest = _build_runtime(resource.key, full=full)
    if full:
        members = {**_open_object(resource.body, rest), "apiVersion": resource.api_version}
        if resource.nested is not None:
            members["properties"] = OpenObject({"outputs": resource.nested.build_reference()}, rest)
        return OpenObject(members, rest)
    if resource.nested is not None:
        return OpenObject(
            {"outputs": resource.nested.build_reference(), "provisioningState": "Succeeded"}, rest
        )
    if resource.opened is None:
        properties = resource.body.get("properties")
        resource.opened = _open_object(properties if isinstance(properties, dict) else {}, rest)
    return resource.opened


def _build_reference_existing(resource: PlannedResourceView, *, full: bool) -> Value:
    rest = _build_runtime(resource.key, full=full)
    if not full or resource.is_read:
        return rest
    known = {key: resource.body[key] for key in ("id", "name", "type")}
    return OpenObject({**known, "apiVersion": resource.api_version}, rest)


def _open_object(value: dict[str, object], rest: Unknown) -> OpenObject:
    """An object to which Azure may add members, at every level."""
    members = {key: _open_value(item, rest, key) for key, item in value.items()}
    return OpenObject(members, rest)


def _open_value(value: Value, rest: Unknown, step: str | int) -> Value:
    if isinstance(value, dict):
        return value if isinstance(value, OpenObject) else _open_object(value, rest.derive_member(step))
    if isinstance(value, list):
        return [_open_value(item, rest.derive_member(step), place) for place, item in enumerate(value)]
    return rest.derive_member(step) if value is None else value
