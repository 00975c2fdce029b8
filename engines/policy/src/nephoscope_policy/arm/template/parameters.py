"""The parameters of a template: what was given, the default, or an unknown of the declared type; constraints are checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nephoscope_policy.arm.template.document import Document, Path, member
from nephoscope_policy.arm.template.loops import loops_of
from nephoscope_policy.arm.template.user_types import UserType, resolve
from nephoscope_policy.arm.unknown import Unknown
from nephoscope_policy.arm.value import Value

if TYPE_CHECKING:
    from nephoscope_policy.arm.template.frame import Frame
    from nephoscope_policy.arm.template.instance import Declared, Instance


@dataclass(frozen=True, slots=True)
class Given:
    """A parameter's value as it was given: its document and path, and the frame of its expressions (None: it is literal)."""

    document: Document
    path: Path
    node: Any
    frame: Frame | None


def parameter_value(instance: Instance, declared: Declared) -> Value:
    """The value of a declared parameter; what breaks a constraint is reported, and the value is kept."""
    type_ = resolve(instance, declared.path, declared.node)
    given = instance.given.get(declared.name.lower())
    if given is not None:
        value, place = _given_value(instance, given)
    else:
        default = member(declared.node, "defaultValue")
        if default is None:
            return _absent(type_, declared)
        path = (*declared.path, default[0])
        value, place = instance.frame.evaluate(instance.document, path, default[1]), (instance.document, path)
    for problem in type_.faults(value):
        document, path = place
        instance.frame.fail(
            document.place((*path, *problem.path)), f"the parameter {declared.name!r} {problem.message}"
        )
    return type_.hidden(value, f"the parameter {declared.name!r} is a secret")


def _absent(type_: UserType, declared: Declared) -> Value:
    if type_.nullable:
        return None
    reason = f"the parameter {declared.name!r} has no value"
    return Unknown(
        type_.json, "secret" if type_.secure else "parameter", reason, f"parameters/{declared.name.lower()}"
    )


def _given_value(instance: Instance, given: Given) -> tuple[Value, tuple[Document, Path]]:
    frame = given.frame or instance.frame
    if isinstance(given.node, str) and given.frame is not None:
        return _chosen_value(given, frame)
    if isinstance(given.node, dict) and loops_of(given.node):
        return _chosen_value(given, frame)
    for name in ("value", "expression"):
        found = member(given.node, name)
        if found is not None:
            path = (*given.path, found[0])
            literal = given.frame is None and name == "value"
            value = found[1] if literal else frame.evaluate(given.document, path, found[1])
            return value, (given.document, path)
    here = given.document, given.path
    if member(given.node, "reference") is not None:
        return Unknown("string", "secret", "it is a reference to a Key Vault secret", filled=True), here
    return frame.fail(given.document.place(given.path), _FORMS), here


def _chosen_value(given: Given, frame: Frame) -> tuple[Value, tuple[Document, Path]]:
    """The value of a parameter that an expression or a loop gives as a whole: `{"value": ...}` or `{"reference": ...}`."""
    here = given.document, given.path
    chosen = frame.evaluate(given.document, given.path, given.node)
    if isinstance(chosen, Unknown):
        return chosen, here
    found = member(chosen, "value")
    if found is not None:
        return found[1], here
    if member(chosen, "reference") is not None:
        return Unknown("string", "secret", "it is a reference to a Key Vault secret", filled=True), here
    return frame.fail(given.document.place(given.path), _FORMS), here


_FORMS = 'a parameter is given as {"value": ...} or {"reference": ...}'


def given_parameters(document: Document, path: Path, node: Any, frame: Frame | None) -> Mapping[str, Given]:
    """The given parameters by lower-cased name."""
    members = node if isinstance(node, dict) else {}
    return {name.lower(): Given(document, (*path, name), value, frame) for name, value in members.items()}
