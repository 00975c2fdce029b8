"""Initiatives (policy set definitions): their members, control groups, and how their parameters reach the members.

Source: https://learn.microsoft.com/azure/governance/policy/concepts/initiative-definition-structure
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from nephoscope_policy import tree
from nephoscope_policy.arm import ArmError
from nephoscope_policy.arm_object import ArmObject, make_error
from nephoscope_policy.errors import PolicyError, raise_first_error, suggest_word
from nephoscope_policy.parameter_binding import bind_parameters
from nephoscope_policy.parser import Parser
from nephoscope_policy.resource_view import NotCollected
from nephoscope_policy.version import Pin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nephoscope_policy.model.source_location import Place


class DefinitionGroup(msgspec.Struct, frozen=True):
    """A control that members serve; `metadata_id` is the id of the control's published text ('' = none)."""

    name: str
    display_name: str = ""
    category: str = ""
    description: str = ""
    metadata_id: str = ""


@dataclass(frozen=True, slots=True)
class InitiativeMember:
    """A definition inside an initiative: `definition` is its id as written, `reference` names the member, `path` is its JSON path."""

    definition: str
    reference: str
    groups: tuple[str, ...]
    pin: Pin | None
    path: str
    parameters: Mapping[str, tree.Operand] = field(repr=False, compare=False)


class Initiative(msgspec.Struct, frozen=True):
    """A parsed initiative. `parameters` are the declared ones by lower-cased name, `groups` the controls in document order."""

    id: str
    name: str
    display_name: str
    description: str
    metadata: Mapping[str, object]
    parameters: Mapping[str, tree.Parameter]
    members: tuple[InitiativeMember, ...]
    groups: tuple[DefinitionGroup, ...]

    @classmethod
    def parse(cls, document: object, place: Place | None = None) -> Initiative:
        """Read a policy set definition; PolicyError names every fault with its JSON path."""
        parser = Parser()
        try:
            body = ArmObject(document)
            properties = body.get_child("properties") if body.get_value("properties") is not None else body
            found = cls(
                id=body.get_text("id").lower(),
                name=(body.get_text("name") or body.get_text("id").rsplit("/", 1)[-1]).lower(),
                display_name=properties.get_text("displayName"),
                description=properties.get_text("description"),
                metadata=properties.get_child("metadata").raw,
                parameters=parser.parse_parameters(
                    properties.get_value("parameters"), properties.build_path("parameters"), typed=False
                ),
                members=_list_members(properties, parser),
                groups=tuple(
                    _build_group(item) for item in properties.get_children("policyDefinitionGroups")
                ),
            )
        except PolicyError as error:
            raise PolicyError(error.message, error.path, error.stage, place, parser.errors) from error
        _check_references(found, parser)
        raise_first_error(parser.errors, place)
        return found

    @property
    def is_deprecated(self) -> bool:
        """Return whether its metadata says that it is deprecated."""
        return ArmObject(dict(self.metadata)).get_value("deprecated") is True

    def bind(self, values: Mapping[str, object]) -> dict[str, object]:
        """Every parameter's value, by lower-cased name: the given one, else the default.

        PolicyError (stage compile) for an unknown name, a missing value, a wrong type, or a value that is not allowed.
        """
        return bind_parameters(self.parameters, values)

    def bind_partly(self, values: Mapping[str, object], unread: Mapping[str, str]) -> Mapping[str, object]:
        """Every parameter's value as `bind`, where reading one that was not read raises NotCollected with what is missing.

        `unread` has the lower-cased names of these; '*' stands for all that `values` lacks.
        """
        given = {name.lower() for name in values}
        missing = {
            name: unread.get(name) or unread["*"]
            for name in self.parameters
            if name in unread or ("*" in unread and name not in given)
        }
        return PartialParameters(bind_parameters(self.parameters, values, partial=True), missing)

    def evaluate_member_parameters(
        self, member: InitiativeMember, bound: Mapping[str, object]
    ) -> dict[str, object]:
        """The values of a member's parameters, from what `bind` returned; PolicyError when an expression fails."""
        return {
            name: _evaluate_operand(operand, bound, f"{member.path}.parameters.{name}")
            for name, operand in member.parameters.items()
        }


class PartialParameters(dict[str, object]):
    """Values of parameters, some of which were not read: asking for such a one raises NotCollected."""

    def __init__(self, values: Mapping[str, object], missing: Mapping[str, str]) -> None:
        super().__init__(values)
        self._missing = missing

    def __contains__(self, name: object) -> bool:
        return name in self._missing or super().__contains__(name)

    def __getitem__(self, name: str) -> object:
        if name in self._missing:
            raise NotCollected(self._missing[name])
        return super().__getitem__(name)


def _list_members(properties: ArmObject, parser: Parser) -> tuple[InitiativeMember, ...]:
    members = []
    for item in properties.get_children("policyDefinitions"):
        definition = item.require_text("policyDefinitionId")
        parameters = {}
        for name in item.get_child("parameters").raw:
            entry = item.get_child("parameters").get_child(name)
            parameters[name] = parser.parse_operand(entry.get_value("value"), entry.build_path("value"))
        members.append(
            InitiativeMember(
                definition=definition,
                reference=item.get_text("policyDefinitionReferenceId") or definition.rsplit("/", 1)[-1],
                groups=item.get_texts("groupNames"),
                pin=_read_pin(item),
                path=item.path,
                parameters=parameters,
            )
        )
    return tuple(members)


def _read_pin(item: ArmObject) -> Pin | None:
    text = item.get_text("definitionVersion")
    if not text:
        return None
    try:
        return Pin.parse(text)
    except ValueError as error:
        raise make_error(str(error), item.build_path("definitionVersion")) from error


def _build_group(item: ArmObject) -> DefinitionGroup:
    return DefinitionGroup(
        item.require_text("name"),
        item.get_text("displayName"),
        item.get_text("category"),
        item.get_text("description"),
        item.get_text("additionalMetadataId"),
    )


def _check_references(initiative: Initiative, parser: Parser) -> None:
    """Reference ids are unique, groups and parameters that members name are declared."""
    groups = {group.name.lower() for group in initiative.groups}
    seen: set[str] = set()
    for member in initiative.members:
        if member.reference.lower() in seen:
            parser.add_error(
                f"{member.path}.policyDefinitionReferenceId",
                f"two members have the reference id '{member.reference}'",
            )
        seen.add(member.reference.lower())
        for name in member.groups:
            if name.lower() not in groups:
                parser.add_error(
                    f"{member.path}.groupNames",
                    f"the group '{name}' is not declared{suggest_word(name, groups)}",
                )


def _evaluate_operand(operand: tree.Operand, bound: Mapping[str, object], path: str) -> object:
    if isinstance(operand, tree.PolicyLiteral):
        return operand.value
    if isinstance(operand, tree.ListExpression):
        return [
            _evaluate_operand(item, bound, f"{path}[{index}]") for index, item in enumerate(operand.items)
        ]
    if isinstance(operand, tree.ObjectExpression):
        return {name: _evaluate_operand(item, bound, f"{path}.{name}") for name, item in operand.items}
    return _evaluate_expression(operand, bound, path)


def _evaluate_expression(template: tree.TemplateExpression, bound: Mapping[str, object], path: str) -> object:
    try:
        return template.expression.interpret(_HOSTS, bound)
    except ArmError as error:
        raise _compile_error(f"the expression {template.text!r} fails: {error}", path) from error


def _read_parameter(bound: Mapping[str, object], arguments: list[object]) -> object:
    name = arguments[0] if len(arguments) == 1 else None
    if not isinstance(name, str):
        raise ArmError("parameters", "takes the name of a parameter", 0)
    if name.lower() not in bound:
        raise ArmError(
            "parameters", f"the initiative has no parameter '{name}'{suggest_word(name, bound)}", 0
        )
    return bound[name.lower()]


#: What an initiative's expressions may ask for beside the pure functions.
_HOSTS = {"parameters": _read_parameter}


def _compile_error(message: str, path: str) -> PolicyError:
    return PolicyError(message, path, stage="compile")
