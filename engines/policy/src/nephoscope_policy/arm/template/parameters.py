"""The parameters of a template: what was given, the default, or an unknown of the declared type; constraints are checked."""

from __future__ import annotations

from collections.abc import Mapping

from nephoscope_policy.arm.template.document import Path, TemplateDocument, member
from nephoscope_policy.arm.template.expansion_types import (
    DeclaredPart,
    FrameView,
    GivenParameter,
    InstanceView,
)
from nephoscope_policy.arm.template.property_loops import list_property_loops
from nephoscope_policy.arm.template.user_types import UserType, resolve_user_type
from nephoscope_policy.arm.text_patterns import format_pattern
from nephoscope_policy.arm.unknown import Cause, Unknown
from nephoscope_policy.arm.value import Value


def evaluate_parameter(instance: InstanceView, declared: DeclaredPart) -> Value:
    """The value of a declared parameter; what breaks a constraint is reported, and the value is kept.

    Null that is given to a parameter that is not nullable gives its default.
    """
    type_ = resolve_user_type(instance, declared.path, declared.node)
    given, default = instance.given.get(declared.name.lower()), member(declared.node, "defaultValue")
    value: Value = None
    if given is not None:
        value, document, path = _evaluate_given_value(instance, given, type_)
    if value is None and default is not None and not (given is not None and type_.nullable):
        document, path = instance.document, (*declared.path, default[0])
        value = instance.frame.evaluate(document, path, default[1])
    elif given is None:
        return _build_absent_value(instance, type_, declared)
    for problem in type_.find_faults(value):
        place = document.find_place((*path, *problem.path))
        instance.frame.report_error(place, f"the parameter {declared.name!r} {problem.message}")
    if isinstance(value, Unknown):
        return value.with_type(type_.json)
    return type_.hide_secrets(value, f"the parameter {declared.name!r} is a secret")


def _build_absent_value(instance: InstanceView, type_: UserType, declared: DeclaredPart) -> Value:
    """Return what a parameter without a value and a default is; in a nested deployment it is an error, since nobody
    can give it later."""
    if type_.nullable:
        return None
    reason = f"the parameter {declared.name!r} has no value"
    deployment = instance.frame.deployment
    if deployment.level:
        instance.report_error(declared.path, f"{reason} in the deployment {format_pattern(deployment.name)}")
    key = deployment.qualify_key(f"parameters('{declared.name.lower()}')")
    cause: Cause = "secret" if type_.is_secure else "parameter"
    return Unknown(type_.json, cause, reason, key, choices=() if type_.json == "array" else type_.choices)


def _evaluate_given_value(
    instance: InstanceView, given: GivenParameter, type_: UserType
) -> tuple[Value, TemplateDocument, Path]:
    """The value, and where it stands."""
    frame = given.frame or instance.frame
    node, literal = given.node, given.frame is None
    if (isinstance(node, str) and not literal) or (isinstance(node, dict) and list_property_loops(node)):
        node, literal = frame.evaluate(given.document, given.path, node), True
    if isinstance(node, Unknown):
        return node, given.document, given.path
    for name in ("value", "expression"):
        found = member(node, name)
        if found is not None:
            path = (*given.path, found[0])
            known = literal and name == "value"
            return found[1] if known else frame.evaluate(given.document, path, found[1]), given.document, path
    if member(node, "reference") is not None:
        secret = Unknown(type_.json, "secret", "it is a reference to a Key Vault secret", filled=True)
        return secret, given.document, given.path
    return frame.report_error(given.document.find_place(given.path), _FORMS), given.document, given.path


_FORMS = 'a parameter is given as {"value": ...} or {"reference": ...}'


def read_given_parameters(
    document: TemplateDocument, path: Path, node: object, frame: FrameView | None
) -> Mapping[str, GivenParameter]:
    """The given parameters by lower-cased name."""
    members = node if isinstance(node, dict) else {}
    return {
        name.lower(): GivenParameter(document, (*path, name), value, frame) for name, value in members.items()
    }
