"""Evaluation scope: the environment of one evaluation, and the policy functions beyond ARM's.

Source: https://learn.microsoft.com/azure/governance/policy/concepts/definition-structure-policy-rule#policy-functions
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import msgspec

from nephoscope_policy.aliases import UnknownAlias
from nephoscope_policy.arm import ArmError
from nephoscope_policy.body_paths import MISSING, STAR, Segments
from nephoscope_policy.planned_view import require_known_value
from nephoscope_policy.resource_view import NotCollected
from nephoscope_policy.step_limit import Steps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nephoscope_policy.aliases import FieldPath
    from nephoscope_policy.context import EvaluationContext
    from nephoscope_policy.resource_view import View
    from nephoscope_policy.snapshot import Snapshot


BodyPath: TypeAlias = tuple[str | int, ...]


class Tags(dict[str, object]):
    """The tags of a container: an absent tag reads as null."""

    def __missing__(self, _: str) -> None:
        return None


class PartialContainer(dict[str, object]):
    """A container that was not collected: what its id tells is known, everything else raises NotCollected."""

    def __init__(self, known: dict[str, object], what: str) -> None:
        super().__init__(known)
        self._what = what

    def __missing__(self, _: str) -> object:
        raise NotCollected(self._what)


class LoopFrame(msgspec.Struct, frozen=True):
    """One running loop of a count.

    `name` is the lower-cased loop name of a value count, or the lower-cased field text of a field count. For a field count
    `bound` pairs each `[*]`-ended prefix of the path with its current element, outermost first, and `view` is the resource; `places`
    are where the body has these elements.
    """

    name: str
    element: object
    bound: tuple[tuple[Segments, object], ...] = ()
    view: View | None = None
    places: tuple[BodyPath, ...] = ()

    @property
    def member_name(self) -> str:
        """The name of the element, or of the innermost one around it that has a name; '' where none has."""
        for element in (self.element, *(held for _, held in reversed(self.bound))):
            for key, name in element.items() if isinstance(element, dict) else ():
                if isinstance(key, str) and key.lower() == "name" and isinstance(name, str):
                    return name
        return ""


class EvaluationScope:
    """Scope that conditions and functions see: `subject` is the resource of the `if`, `target` the one that conditions read."""

    __slots__ = ("context", "frames", "parameters", "snapshot", "steps", "subject", "target")

    def __init__(
        self,
        subject: View,
        snapshot: Snapshot,
        context: EvaluationContext,
        parameters: Mapping[str, object],
        target: View | None = None,
        frames: tuple[LoopFrame, ...] = (),
        steps: Steps | None = None,
    ) -> None:
        self.subject = subject
        self.target = target if target is not None else subject
        self.snapshot = snapshot
        self.context = context
        self.parameters = parameters
        self.frames = frames
        self.steps = steps if steps is not None else Steps()

    def make_nested_scope(self, frame: LoopFrame) -> EvaluationScope:
        """Return the same scope inside one more loop."""
        return EvaluationScope(
            self.subject,
            self.snapshot,
            self.context,
            self.parameters,
            self.target,
            (*self.frames, frame),
            self.steps,
        )

    def make_related_scope(self, target: View) -> EvaluationScope:
        """The scope of an existence condition: conditions read `target`, field() goes on reading the `if` resource."""
        return EvaluationScope(
            self.subject, self.snapshot, self.context, self.parameters, target, steps=self.steps
        )

    def find_api_version(self, view: View) -> str:
        """The api-version whose alias paths apply to a resource, '' for the default paths."""
        if not self.snapshot.aliases.versioned:
            return ""
        return self.context.api_version or view.api_version

    def resolve_field(self, text: str, view: View) -> FieldPath:
        """Resolve a field text for a resource; raises UnknownAlias or ValueError."""
        return self.snapshot.aliases.resolve_field(text, self.find_api_version(view), view.type)


def find_bound_start(
    frames: tuple[LoopFrame, ...], view: View, segments: Segments
) -> tuple[object, Segments, bool]:
    """Return where a path starts inside running loops: (value, remaining segments, whether a loop binds it).

    The longest bound prefix of the innermost loop over the same resource wins.
    """
    for frame in reversed(frames):
        if frame.view is view:
            for prefix, element in reversed(frame.bound):
                if segments[: len(prefix)] == prefix:
                    return element, segments[len(prefix) :], True
    return view.body, segments, False


def locate_bound_path(frames: tuple[LoopFrame, ...], view: View, segments: Segments) -> BodyPath:
    """Return where the body has what a path without a further `[*]` leads to inside running loops."""
    for frame in reversed(frames):
        if frame.view is view:
            for (prefix, _), place in zip(reversed(frame.bound), reversed(frame.places), strict=True):
                if segments[: len(prefix)] == prefix:
                    return (*place, *convert_path_steps(segments[len(prefix) :]))
    return convert_path_steps(segments)


def convert_path_steps(segments: Segments) -> BodyPath:
    """A path as keys and indexes, up to its first `[*]`."""
    head = segments[: segments.index(STAR)] if STAR in segments else segments
    return tuple(one for one in head if isinstance(one, str | int))


def get_field_value(scope: EvaluationScope, text: str, view: View) -> object:
    """The value of a field as field() returns it, MISSING where there is none; `[*]` gives an array."""
    path = scope.resolve_field(text, view)
    if path.special or STAR not in path.segments:
        return view.read(path)
    start, rest, is_bound = find_bound_start(scope.frames, view, path.segments)
    if is_bound and STAR not in rest:
        value = require_known_value(view.resolve_path_within(start, rest), text)
        return [_find_absent_field_value(scope) if value is MISSING else value]
    if not is_bound:
        view.follow_to_elements(path.segments[: path.segments.index(STAR)])
    return view.collect(start, rest)


def _evaluate_field(scope: EvaluationScope, arguments: list[object]) -> object:
    text = _require_one_text("field", arguments)
    try:
        value = get_field_value(scope, text, scope.subject)
    except (UnknownAlias, ValueError) as error:
        raise ArmError("field", str(error)) from error
    if value is MISSING or value is None:
        return _find_absent_field_value(scope)
    return value


def _find_absent_field_value(scope: EvaluationScope) -> object:
    """Return what field() returns for an absent property."""
    return "" if scope.snapshot.switches.missing_field_value == "empty" else None


def _evaluate_parameters(scope: EvaluationScope, arguments: list[object]) -> object:
    name = _require_one_text("parameters", arguments)
    value = scope.parameters.get(name.lower(), MISSING)
    if value is MISSING:
        raise ArmError("parameters", f"parameter '{name}' not found")
    return value


def _evaluate_current(scope: EvaluationScope, arguments: list[object]) -> object:
    if not scope.frames:
        raise ArmError("current", "it is not inside a count")
    if not arguments:
        return require_known_value(scope.frames[-1].element, "the counted member")
    name = _require_one_text("current", arguments)
    wanted = name.lower()
    for frame in reversed(scope.frames):
        if frame.name == wanted:
            return require_known_value(frame.element, name)
    return _evaluate_current_path(scope, name)


def _evaluate_current_path(scope: EvaluationScope, name: str) -> object:
    """current('alias[*].x'): a path under a running loop's member."""
    try:
        path = scope.resolve_field(name, scope.target)
    except (UnknownAlias, ValueError) as error:
        raise ArmError("current", f"running count '{name}' not found") from error
    start, rest, is_bound = find_bound_start(scope.frames, scope.target, path.segments)
    if not is_bound:
        raise ArmError("current", f"running count '{name}' not found, or is its own source")
    if STAR in rest:
        return scope.target.collect(start, rest)
    value = require_known_value(scope.target.resolve_path_within(start, rest), name)
    return None if value is MISSING else value


def _evaluate_subscription(scope: EvaluationScope, arguments: list[object]) -> object:
    _require_no_arguments("subscription", arguments)
    if scope.context.subscription is not None:
        return dict(scope.context.subscription)
    identifier = scope.subject.resource.id
    if not identifier.subscription:
        raise ArmError("subscription", f"{scope.subject.key or 'the resource'} is in no subscription")
    found = scope.snapshot.find_subscription(scope.subject)
    known: dict[str, object] = {
        "id": f"/subscriptions/{identifier.subscription}",
        "subscriptionId": identifier.subscription,
    }
    if found is None:
        return PartialContainer(known, f"the subscription {identifier.subscription}")
    _check_tags(found)
    body = found.body
    properties = _read_members(body, "properties")
    tenant = body.get("tenantId", properties.get("tenantId"))
    name = body.get("displayName") or properties.get("displayName") or body.get("name")
    return {
        **known,
        "tenantId": tenant,
        "displayName": name,
        "tags": Tags(_read_members(body, "tags")),
    }


def _evaluate_resource_group(scope: EvaluationScope, arguments: list[object]) -> object:
    _require_no_arguments("resourceGroup", arguments)
    if scope.context.resource_group is not None:
        return dict(scope.context.resource_group)
    identifier = scope.subject.resource.id
    if not identifier.resource_group:
        raise ArmError("resourceGroup", f"{scope.subject.key or 'the resource'} is in no resource group")
    found = scope.snapshot.find_resource_group(scope.subject)
    if found is not None:
        _check_tags(found)
    body = found.body if found is not None else {}
    known = {
        "id": _get_group_id(scope),
        "name": body.get("name") or _get_group_id(scope).rsplit("/", 1)[-1],
        "type": "Microsoft.Resources/resourceGroups",
    }
    if not body.get("location"):
        return PartialContainer(known, f"the resource group {identifier.resource_group_id}")
    stated = {key: value for key, value in body.items() if value is not None}
    return {"managedBy": None, "properties": {}, **stated, **known, "tags": Tags(_read_members(body, "tags"))}


def _read_members(body: Mapping[str, object], name: str) -> dict[str, object]:
    """An object of a container; KnownLater where all of it is open, empty where there is none."""
    found = body.get(name)
    if isinstance(found, dict):
        return found
    require_known_value(found, name)
    return {}


def _check_tags(container: View) -> None:
    """Raise NotCollected where the export cut the tags of a container to text."""
    if container.unread:
        container.follow(("tags",))


def _get_group_id(scope: EvaluationScope) -> str:
    """The id of the subject's resource group, as the subject's own id spells it."""
    identifier = scope.subject.resource.id
    spelled = scope.subject.body.get("id")
    if isinstance(spelled, str) and spelled.lower().startswith(f"{identifier.resource_group_id}/"):
        return spelled[: len(identifier.resource_group_id)]
    return identifier.resource_group_id


_POLICY = {"assignmentId": "", "definitionId": "", "setDefinitionId": "", "definitionReferenceId": ""}


def _evaluate_policy(scope: EvaluationScope, arguments: list[object]) -> object:
    _require_no_arguments("policy", arguments)
    return {**_POLICY, **(scope.context.policy or {})}


def _evaluate_request_context(scope: EvaluationScope, arguments: list[object]) -> object:
    _require_no_arguments("requestContext", arguments)
    return scope.context.build_request_context(scope.subject.api_version)


def _evaluate_claims(scope: EvaluationScope, arguments: list[object]) -> object:
    _require_no_arguments("claims", arguments)
    return dict(scope.context.claims or {})


def _evaluate_utc_now(scope: EvaluationScope, arguments: list[object]) -> object:
    if arguments:
        raise ArmError("utcNow", "takes no format in a policy rule")
    return scope.context.utc_now


def _require_one_text(function: str, arguments: list[object]) -> str:
    if len(arguments) != 1 or not isinstance(arguments[0], str):
        raise ArmError(function, "takes one text")
    return arguments[0]


def _require_no_arguments(function: str, arguments: list[object]) -> None:
    if arguments:
        raise ArmError(function, "takes no arguments")


HOSTS: Mapping[str, Callable[[EvaluationScope, list[object]], object]] = {
    "claims": _evaluate_claims,
    "current": _evaluate_current,
    "field": _evaluate_field,
    "parameters": _evaluate_parameters,
    "policy": _evaluate_policy,
    "requestcontext": _evaluate_request_context,
    "resourcegroup": _evaluate_resource_group,
    "subscription": _evaluate_subscription,
    "utcnow": _evaluate_utc_now,
}
"""The functions that need the surroundings, by lower-cased name."""
