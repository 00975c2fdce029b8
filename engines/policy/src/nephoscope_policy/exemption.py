"""Policy exemptions: resources that an assignment, or chosen members of it, are waived for or met otherwise.

Source: https://learn.microsoft.com/azure/governance/policy/concepts/exemption-structure
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from nephoscope_policy.assignment import (
    get_containing_scope,
    is_management_group,
    is_within_scope,
    normalize_scope,
)
from nephoscope_policy.partial_record import PROPERTIES, ControlRecordReader
from nephoscope_policy.selector import ResourceSelector, matches_any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nephoscope_policy.arm_object import ArmObject
    from nephoscope_policy.model.resource import Resource

TYPE_NAME = "microsoft.authorization/policyexemptions"
WAIVER = "Waiver"
MITIGATED = "Mitigated"
ASSIGNMENT = "policyAssignmentId"
REFERENCES = "policyDefinitionReferenceIds"
CATEGORY = "exemptionCategory"
VALIDATION = "assignmentScopeValidation"
METADATA = "metadata"


class Exemption(msgspec.Struct, frozen=True):
    """One exemption; ids, `scope`, `references` and `recommendations` are lower-cased, empty `references` mean every member.

    `recommendations` (definition names, from `metadata.nephoscope.recommendations`) exempt those definitions in every assignment
    that holds them; only then may `assignment` be ''. `gaps` are the fields that were not read, each with what is missing: an
    exemption with some may exempt whatever its other fields allow, and exempts nothing for certain.
    """

    id: str
    scope: str
    assignment: str
    category: str
    references: frozenset[str] = frozenset()
    expires_on: datetime | None = None
    resource_selectors: tuple[ResourceSelector, ...] = ()
    validate_scope: bool = True
    recommendations: frozenset[str] = frozenset()
    display_name: str = ""
    description: str = ""
    gaps: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, document: object, *, partial: bool = False) -> Exemption:
        """Read an ARM body of Microsoft.Authorization/policyExemptions; PolicyError with the JSON path when it is not usable.

        Where the body may be `partial`, what cannot be read of its properties is a gap and no error.
        """
        reader = ControlRecordReader(document, partial=partial)
        body, properties = reader.body, reader.properties
        id_ = normalize_scope(body.require_text("id"))
        recommendations, assignment = _read_subject(reader)
        return cls(
            id=id_,
            scope=get_containing_scope(id_, TYPE_NAME, body.build_path("id")),
            assignment=normalize_scope(assignment),
            category=reader.read_field(
                CATEGORY, lambda: properties.get_choice(CATEGORY, (WAIVER, MITIGATED)), WAIVER
            ),
            references=reader.read_field(
                REFERENCES,
                lambda: frozenset(text.lower() for text in properties.get_texts(REFERENCES)),
                frozenset(),
            ),
            expires_on=reader.read_field("expiresOn", lambda: properties.get_instant("expiresOn"), None),
            resource_selectors=reader.read_field(
                "resourceSelectors",
                lambda: tuple(
                    ResourceSelector.parse(item) for item in properties.get_children("resourceSelectors")
                ),
                (),
            ),
            validate_scope=reader.read_field(VALIDATION, lambda: _validates(properties), default=False),
            recommendations=recommendations,
            display_name=reader.read_label("displayName"),
            description=reader.read_label("description"),
            gaps=reader.gaps,
        )

    def document(self) -> dict[str, object]:
        """The ARM body, as it would be deployed."""
        properties: dict[str, object] = {
            "policyAssignmentId": self.assignment,
            "policyDefinitionReferenceIds": sorted(self.references),
            "exemptionCategory": self.category,
            "displayName": self.display_name,
            "description": self.description,
            "assignmentScopeValidation": "Default" if self.validate_scope else "DoNotValidate",
            "resourceSelectors": [selector.document() for selector in self.resource_selectors],
        }
        if self.expires_on is not None:
            properties["expiresOn"] = self.expires_on.isoformat()
        if self.recommendations:
            properties["metadata"] = {"nephoscope": {"recommendations": sorted(self.recommendations)}}
        name = self.id.rsplit("/", 1)[-1]
        return {
            "id": self.id,
            "name": name,
            "type": "Microsoft.Authorization/policyExemptions",
            "properties": properties,
        }

    def is_active(self, now: datetime) -> bool:
        """Return whether it has not expired: it ends at the very second of `expiresOn`."""
        return self.expires_on is None or now < self.expires_on

    def names_member(self, assignment: str, reference: str, definition: str) -> bool:
        """Return whether it speaks of this member of this assignment; all three lower-cased, `definition` a definition's name."""
        if definition in self.recommendations:
            return True
        return self.assignment == assignment and (not self.references or reference in self.references)

    def may_name_member(self, assignment: str, reference: str, definition: str) -> bool:
        """Return whether it speaks of this member of this assignment, or does for some value of what was not read."""
        unread = {name for name, _ in self.gaps}
        if METADATA in unread or self.names_member(assignment, reference, definition):
            return True
        return ASSIGNMENT in unread and (not self.references or reference in self.references)

    def covers(self, resource: Resource, ancestors: tuple[str, ...], reference: str) -> bool:
        """Return whether the resource lies in its scope and its resource selectors pick it; `ancestors` are its management groups."""
        return is_within_scope(resource.key, self.scope, ancestors) and matches_any(
            self.resource_selectors, resource, reference
        )

    def is_misplaced(self, assignment_scope: str, management_groups: Mapping[str, tuple[str, ...]]) -> bool:
        """Return whether Azure would refuse it: it stands outside the assignment's scope and does not say DoNotValidate."""
        if not self.validate_scope or is_management_group(self.scope):
            return self.validate_scope and not _is_below_scope(
                self.scope, assignment_scope, management_groups
            )
        subscription = "/".join(self.scope.split("/")[:3])
        return not is_within_scope(self.scope, assignment_scope, management_groups.get(subscription, ()))


def _is_below_scope(group: str, scope: str, management_groups: Mapping[str, tuple[str, ...]]) -> bool:
    """Return whether a management group is the scope or lies under it, as far as the known ancestors (nearest first) tell."""
    if scope in ("", group):
        return True
    lines = [line for line in management_groups.values() if group in line]
    return any(scope in line[line.index(group) :] for line in lines)


def _read_subject(reader: ControlRecordReader) -> tuple[frozenset[str], str]:
    """The recommendations and the assignment that an exemption names; one of the two must be there.

    A cut `metadata` counts where it may be what names the subject: no assignment is named, or the cut lies in our own part of it.
    """
    properties = reader.properties
    assignment = reader.read_field(ASSIGNMENT, lambda: properties.get_text(ASSIGNMENT), "")
    cut = reader.find_cut_path(PROPERTIES, METADATA)
    recommendations = frozenset[str]()
    if not cut or not assignment or cut[2:3] == ("nephoscope",):
        recommendations = reader.read_field(METADATA, lambda: _list_recommendations(properties), frozenset())
    if not assignment and not recommendations and not reader.gaps:
        reader.read_required_field(ASSIGNMENT)
    return recommendations, assignment


def _validates(properties: ArmObject) -> bool:
    return properties.get_choice(VALIDATION, ("Default", "DoNotValidate"), "Default") == "Default"


def _list_recommendations(properties: ArmObject) -> frozenset[str]:
    own = properties.get_child("metadata").get_child("nephoscope")
    return frozenset(text.lower() for text in own.get_texts("recommendations"))
