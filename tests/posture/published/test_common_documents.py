"""Which published documents are every tenant's; all others are shown to their own tenant alone."""

from __future__ import annotations

import pytest

from nephoscope.posture.published.document import PublishedDocument
from nephoscope.posture.published.document_rows import is_common, row

_ROLE = "Microsoft.Authorization/roleDefinitions"
_POLICY = "Microsoft.Authorization/policyDefinitions"
_METADATA = "Microsoft.Security/assessmentMetadata"


def document(type_: str, properties: object, scope: str = "") -> PublishedDocument:
    id_ = f"{scope}/providers/{type_}/orchard"
    return PublishedDocument.of(
        {"id": id_, "name": "orchard", "type": type_, "properties": properties}, tenant="orchard"
    )


@pytest.mark.parametrize(
    ("type_", "properties", "common"),
    [
        (_ROLE, {"type": "BuiltInRole"}, True),
        (_ROLE, {"type": "CustomRole"}, False),
        (_ROLE, {"roleName": "Orchard operator"}, False),
        (_ROLE, None, False),
        (_POLICY, {"policyType": "BuiltIn"}, True),
        (_POLICY, {"policyType": "Static"}, True),
        (_POLICY, {"policyType": "Custom"}, False),
        (_POLICY, {"policyRule": {}}, False),
        (_METADATA, {"assessmentType": "BuiltIn"}, True),
        (_METADATA, {"assessmentType": "CustomPolicy"}, False),
        (_METADATA, {"assessmentType": "CustomerManaged"}, False),
        ("Microsoft.PolicyInsights/policyMetadata", {}, True),
        ("Microsoft.Security/secureScoreControlDefinitions", {}, True),
        ("Microsoft.Graph/users", {"type": "BuiltIn"}, False),
    ],
)
def test_only_what_says_that_it_is_built_in_is_every_tenants(type_, properties, common):
    one = document(type_, properties)
    assert is_common(one) is common
    found = row(one, "authorizationresources")
    assert (found["tenantId"], found["_open"]) == (("", "1") if common else ("orchard", ""))


def test_what_lies_in_a_scope_is_no_tenants_but_its_own():
    scope = "/providers/Microsoft.Management/managementGroups/platform"
    assert not is_common(document(_POLICY, {"policyType": "BuiltIn"}, scope))
