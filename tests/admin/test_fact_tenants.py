"""A fact may put its subscription into a tenant only where its writer may write in this tenant."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

SUBSCRIPTION = "/subscriptions/cccccccc-1111-4000-8000-000000000000"
MACHINE = f"{SUBSCRIPTION}/resourceGroups/dc/providers/Microsoft.HybridCompute/machines/web01"
MINE, OTHER = (f"{one * 8}-2222-4000-8000-000000000000" for one in "ab")
CONTRIBUTOR = "Contributor"


@pytest.mark.parametrize(
    ("roles", "tenant", "status"),
    [
        ([SUBSCRIPTION], "", 200),
        ([SUBSCRIPTION], OTHER, 403),
        ([SUBSCRIPTION, f"/tenants/{MINE}"], OTHER, 403),
        ([SUBSCRIPTION, f"/tenants/{MINE}"], MINE.upper(), 200),
        (["/"], OTHER, 200),
    ],
)
def test_a_tenant_is_named_by_who_may_write_in_it(instance, server, caller, roles, tenant, status):
    headers = caller(*((CONTRIBUTOR, one) for one in roles))
    body = {
        "resource": MACHINE, "readAt": datetime.now(UTC).isoformat(), "tenant": tenant,
        "documents": [{"id": MACHINE, "location": "dc", "properties": {"osName": "linux"}}],
    }  # fmt: skip
    before = instance.state.external_facts.all()
    answer = server.put("/admin/v1/facts", headers=headers, json=body)
    assert answer.status_code == status, answer.text
    kept = [one.tenant for one in instance.state.external_facts.all()]
    if status == 403:
        assert f"/tenants/{OTHER}" in answer.text
        assert kept == [one.tenant for one in before]
    else:
        assert kept == [tenant.lower()]
