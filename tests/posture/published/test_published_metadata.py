"""What initiatives say of controls is published once a control."""

from __future__ import annotations

from types import SimpleNamespace

from nephoscope.posture.published.document_rows import row
from nephoscope.posture.published.kinds import policy_metadata
from nephoscope_policy.catalog import PolicyCatalog
from nephoscope_policy.model.source_location import Place

CONTROL = "/providers/Microsoft.PolicyInsights/policyMetadata/NIST_SP_800-53_R5_AC-2"


def initiative(name: str, **group: str) -> tuple[dict, Place]:
    properties = {
        "displayName": name, "policyDefinitions": [], "policyDefinitionGroups": [{"name": "AC-2", **group}, {"name": "none"}],
    }  # fmt: skip
    id_ = f"/providers/Microsoft.Authorization/policySetDefinitions/{name}"
    return {
        "id": id_,
        "name": name,
        "type": "Microsoft.Authorization/policySetDefinitions",
        "properties": properties,
    }, Place(name)


def test_a_control_that_two_initiatives_name_is_told_once() -> None:
    catalog = PolicyCatalog.from_bodies(
        [
            initiative("one", additionalMetadataId=CONTROL, category="Access", displayName="Accounts"),
            initiative("two", additionalMetadataId=CONTROL.upper()),
            initiative("three", additionalMetadataId="/elsewhere/x"),
        ]
    )
    report = SimpleNamespace(run=SimpleNamespace(catalog=catalog))
    (document,) = policy_metadata.build_documents(report, {})
    assert document.body["id"].lower() == CONTROL.lower()
    assert document.body["properties"]["metadataId"].lower() == "nist_sp_800-53_r5_ac-2"
    assert row(document, "policyresources")["_open"] == "1", "it tells nothing of any subscription"
