"""Operations of providers, by the official clients."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.system


def test_operations_are_listed(owner):
    insights = owner.insights.operations.list()
    assert "Microsoft.PolicyInsights/attestations/write" in {one.name for one in insights.value}
    assert insights.odata_count == len(insights.value)
    assert "Microsoft.Security/pricings/read" in {one.name for one in owner.security.operations.list()}
    assert "Microsoft.SecurityInsights/incidents/read" in {
        one.name for one in owner.sentinel.operations.list()
    }


def test_an_application_by_the_official_client(owner):
    sets = [{"conditions": [{"property": "$.Id", "value": "shop", "operator": "contains"}]}]
    sent = {"display_name": "Shop", "source_resource_type": "Assessments", "condition_sets": sets}
    made = owner.security.application.create_or_update("shop", sent)
    assert owner.security.application.get("shop").id == made.id
    assert made.id in {one.id for one in owner.security.applications.list()}
    owner.security.application.delete("shop")
    assert list(owner.security.applications.list()) == []
