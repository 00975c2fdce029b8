"""Policy assignments: which definition or initiative judges which resources, with which parameters.

Source: https://learn.microsoft.com/azure/governance/policy/concepts/assignment-structure
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from nephoscope_policy.arm_object import ArmObject, make_error
from nephoscope_policy.keywords import EFFECTS
from nephoscope_policy.model.resource_id import MANAGEMENT_GROUP_TYPE, is_in_scope
from nephoscope_policy.partial_record import ControlRecordReader
from nephoscope_policy.selector import (
    LOCATION,
    NO_LOCATION,
    REFERENCE,
    TYPE,
    ResourceSelector,
    Selector,
    matches_any,
)
from nephoscope_policy.version import Pin

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from nephoscope_policy.arm_object import ArmObject
    from nephoscope_policy.model.resource import Resource

TYPE_NAME = "microsoft.authorization/policyassignments"
EFFECT = "policyEffect"
VERSION = "definitionVersion"
#: Default enforces, DoNotEnforce only assesses, Enroll enforces what is enrolled: all three are assessed.
ENFORCEMENT_MODES = ("Default", "DoNotEnforce", "Enroll")
_NO_MESSAGES: tuple[tuple[str, str], ...] = ()
_MANAGEMENT_GROUP = f"/providers/{MANAGEMENT_GROUP_TYPE}/"


class Override(msgspec.Struct, frozen=True):
    """A replaced effect or pinned version for the members and resources that all its selectors pick."""

    kind: str
    value: str
    selectors: tuple[Selector, ...] = ()

    @classmethod
    def parse(cls, source: ArmObject) -> Override:
        """Read one element of `overrides`; the value must be an effect or a version pin."""
        kind = source.get_choice("kind", (EFFECT, VERSION))
        value = (
            source.get_choice("value", tuple(EFFECTS.values()))
            if kind == EFFECT
            else str(_read_pin(source, "value"))
        )
        kinds = (REFERENCE, LOCATION, TYPE, NO_LOCATION)
        return cls(
            kind, value, tuple(Selector.parse(item, kinds) for item in source.get_children("selectors"))
        )

    @property
    def reads_resource(self) -> bool:
        """Return whether what it picks depends on the resource, not only on the member."""
        return any(selector.kind != REFERENCE for selector in self.selectors)

    def selects_member(self, reference: str) -> bool:
        """Return whether the selectors on the member's reference id pick it."""
        return all(s.matches(None, reference) for s in self.selectors if s.kind == REFERENCE)

    def matches(self, resource: Resource, reference: str) -> bool:
        """Return whether it replaces the value for the resource under the member."""
        return all(selector.matches(resource, reference) for selector in self.selectors)


class Assignment(msgspec.Struct, frozen=True):
    """One policy assignment. `id`, `scope`, `not_scopes` and `target` (the definition or initiative) are lower-cased ids.

    The scope '' is the tenant: everything. `messages` are (reference id or '', text). `gaps` are the fields that were not read, each
    with what is missing: with some of them nothing that it judges is certain. `unread_parameters` are the lower-cased parameters
    whose values were not read ('*': any may have one).
    """

    id: str
    scope: str
    target: str
    display_name: str = ""
    description: str = ""
    parameters: Mapping[str, object] = msgspec.field(default_factory=dict)
    not_scopes: tuple[str, ...] = ()
    overrides: tuple[Override, ...] = ()
    resource_selectors: tuple[ResourceSelector, ...] = ()
    enforcement_mode: str = "Default"
    pin: Pin | None = None
    messages: tuple[tuple[str, str], ...] = ()
    metadata: Mapping[str, object] = msgspec.field(default_factory=dict)
    gaps: tuple[tuple[str, str], ...] = ()
    unread_parameters: Mapping[str, str] = msgspec.field(default_factory=dict)

    @classmethod
    def parse(cls, document: object, *, partial: bool = False) -> Assignment:
        """Read an ARM body of Microsoft.Authorization/policyAssignments; PolicyError with the JSON path when it is not usable.

        Where the body may be `partial`, what cannot be read of its properties is a gap and no error.
        """
        reader = ControlRecordReader(document, partial=partial)
        body, properties = reader.body, reader.properties
        id_ = normalize_scope(body.require_text("id"))
        parameters, unread = _read_parameters(reader)
        return cls(
            id=id_,
            scope=_read_scope(reader) or get_containing_scope(id_, TYPE_NAME, body.build_path("id")),
            target=normalize_scope(reader.read_required_field("policyDefinitionId")),
            display_name=reader.read_label("displayName"),
            description=reader.read_label("description"),
            parameters=parameters,
            not_scopes=reader.read_field(
                "notScopes",
                lambda: tuple(normalize_scope(text) for text in properties.get_texts("notScopes")),
                (),
            ),
            overrides=reader.read_field(
                "overrides",
                lambda: tuple(Override.parse(item) for item in properties.get_children("overrides")),
                (),
            ),
            resource_selectors=reader.read_field(
                "resourceSelectors",
                lambda: tuple(
                    ResourceSelector.parse(item) for item in properties.get_children("resourceSelectors")
                ),
                (),
            ),
            enforcement_mode=reader.try_field(
                "enforcementMode",
                lambda: properties.get_choice("enforcementMode", ENFORCEMENT_MODES, "Default"),
                "Default",
            )[0],
            pin=reader.read_field("definitionVersion", lambda: _read_stated_pin(properties), None),
            messages=reader.try_field(
                "nonComplianceMessages", lambda: _read_messages(properties), _NO_MESSAGES
            )[0],
            metadata=reader.try_field(
                "metadata", lambda: properties.get_child("metadata").raw, dict[str, object]()
            )[0],
            gaps=reader.gaps,
            unread_parameters=unread,
        )

    @classmethod
    def for_whole_tenant(
        cls, target: str, name: str, parameters: Mapping[str, object] | None = None
    ) -> Assignment:
        """An assignment of a definition or initiative to the whole tenant, for a scan that names what it wants."""
        id_ = f"/providers/{TYPE_NAME}/{name.lower()}"
        return cls(
            id=id_,
            scope="",
            target=normalize_scope(target),
            display_name=name,
            parameters=dict(parameters or {}),
        )

    @property
    def name(self) -> str:
        """The last segment of its id."""
        return self.id.rsplit("/", 1)[-1]

    def contains(self, resource: Resource, management_groups: Mapping[str, tuple[str, ...]]) -> bool:
        """Return whether the resource lies in the scope and in none of the notScopes; the mapping gives a subscription's ancestors."""
        ancestors = management_groups.get(resource.id.subscription_id, ())
        return is_within_scope(resource.key, self.scope, ancestors) and not any(
            is_within_scope(resource.key, scope, ancestors) for scope in self.not_scopes
        )

    def applies(
        self, resource: Resource, management_groups: Mapping[str, tuple[str, ...]], reference: str = ""
    ) -> bool:
        """Return whether the assignment judges the resource: `contains`, and its resource selectors pick it."""
        return self.contains(resource, management_groups) and matches_any(
            self.resource_selectors, resource, reference
        )

    def find_message(self, reference: str) -> str:
        """The non-compliance message for a member: its own, else the assignment's, else ''."""
        found = dict(self.messages)
        return found.get(reference.lower()) or found.get("", "")


def is_within_scope(key: str, scope: str, ancestors: tuple[str, ...]) -> bool:
    """Return whether the lower-cased id lies in a scope, of which a management group holds the subscriptions below it."""
    if scope.startswith(_MANAGEMENT_GROUP) and scope.count("/") == 4:
        return scope in ancestors or is_in_scope(key, scope)
    return is_in_scope(key, scope)


def is_management_group(scope: str) -> bool:
    """Return whether a lower-cased scope is a management group."""
    return scope.startswith(_MANAGEMENT_GROUP) and scope.count("/") == 4


def normalize_scope(text: str) -> str:
    """A scope or id as it is compared: lower-cased, with a leading and without a trailing slash; the tenant is ''."""
    cleaned = text.strip().strip("/").lower()
    return f"/{cleaned}" if cleaned else ""


def get_containing_scope(id_: str, type_name: str, path: str) -> str:
    """The scope that an extension object such as an assignment stands on, from its lower-cased id."""
    head, found, name = id_.rpartition(f"/providers/{type_name}/")
    if not found or not name or "/" in name:
        raise make_error(f"not the id of a {type_name}: {id_!r}", path)
    return head


def _read_scope(reader: ControlRecordReader) -> str:
    """The scope that an assignment states; where it was not read, that of its id."""
    return reader.try_field("scope", lambda: normalize_scope(reader.properties.get_text("scope")), "")[0]


def _read_messages(properties: ArmObject) -> tuple[tuple[str, str], ...]:
    return tuple(
        (item.get_text("policyDefinitionReferenceId").lower(), item.get_text("message"))
        for item in properties.get_children("nonComplianceMessages")
    )


def _read_stated_pin(properties: ArmObject) -> Pin | None:
    return _read_pin(properties, "definitionVersion") if properties.get_value("definitionVersion") else None


def _read_parameters(reader: ControlRecordReader) -> tuple[dict[str, object], Mapping[str, str]]:
    """The values of the parameters that were read, and what is missing of the others ('*': of any)."""
    unread = dict(reader.find_cut_members("parameters"))
    if unread and "*" not in unread:
        return read_values(reader.properties.get_child("parameters"), unread), unread
    found, missing = reader.try_field(
        "parameters", lambda: read_values(reader.properties.get_child("parameters")), dict[str, object]()
    )
    return found, {"*": missing} if missing else {}


def read_values(parameters: ArmObject, unread: Container[str] = ()) -> dict[str, object]:
    """The values of `{"name": {"value": ...}}`, without parameters whose lower-cased names are `unread`."""
    found = {}
    for name in parameters.raw:
        if name.lower() in unread:
            continue
        entry = ArmObject(parameters.raw[name], parameters.build_path(name))
        if "value" not in {key.lower() for key in entry.raw}:
            raise make_error("a parameter has a 'value'", entry.path)
        found[name] = entry.get_value("value")
    return found


def _read_pin(source: ArmObject, name: str) -> Pin:
    try:
        return Pin.parse(source.require_text(name))
    except ValueError as error:
        raise make_error(str(error), source.build_path(name)) from error
