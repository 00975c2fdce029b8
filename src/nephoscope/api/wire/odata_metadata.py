"""The OData description of policy states and events (`$metadata`), made of the fields that their rows have.

Source: https://docs.oasis-open.org/odata/odata-csdl-xml/v4.01/ (entity types, containers)
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring

_EDMX, _EDM = "http://docs.oasis-open.org/odata/ns/edmx", "http://docs.oasis-open.org/odata/ns/edm"
NAMESPACE = "Microsoft.PolicyInsights"
_KEYS = ("timestamp", "resourceId", "policyAssignmentId", "policyDefinitionId")
_TYPES = {"timestamp": "Edm.DateTimeOffset", "isCompliant": "Edm.Boolean"}
#: The fields that rows of policies have in Azure.
FIELDS = (
    "timestamp", "resourceId", "policyAssignmentId", "policyDefinitionId", "effectiveParameters", "isCompliant", "subscriptionId",
    "resourceType", "resourceLocation", "resourceGroup", "resourceTags", "policyAssignmentName", "policyAssignmentOwner",
    "policyAssignmentParameters", "policyAssignmentScope", "policyDefinitionName", "policyDefinitionAction",
    "policyDefinitionCategory", "policySetDefinitionId", "policySetDefinitionName", "policySetDefinitionOwner",
    "policySetDefinitionCategory", "policySetDefinitionParameters", "managementGroupIds", "policyDefinitionReferenceId",
    "complianceState",
)  # fmt: skip


def render_metadata(entity: str, collections: Iterable[str], more: Iterable[str] = ()) -> bytes:
    """The description of an entity in some collections; `more` are fields beside those that all rows of policies have."""
    register_namespace("edmx", _EDMX)
    root = Element(f"{{{_EDMX}}}Edmx", Version="4.0")
    schema = SubElement(
        SubElement(root, f"{{{_EDMX}}}DataServices"), f"{{{_EDM}}}Schema", Namespace=NAMESPACE
    )
    type_ = SubElement(schema, f"{{{_EDM}}}EntityType", Name=entity)
    key = SubElement(type_, f"{{{_EDM}}}Key")
    for name in _KEYS:
        SubElement(key, f"{{{_EDM}}}PropertyRef", Name=name)
    for name in (*FIELDS, *more):
        SubElement(type_, f"{{{_EDM}}}Property", Name=name, Type=_TYPES.get(name, "Edm.String"))
    container = SubElement(schema, f"{{{_EDM}}}EntityContainer", Name="Default")
    for name in collections:
        SubElement(container, f"{{{_EDM}}}EntitySet", Name=name, EntityType=f"{NAMESPACE}.{entity}")
    found: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return found
