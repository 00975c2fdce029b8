"""Subscriptions as `az account show` and `az account list` print them: what the sign-in knows, with the tenant of each.

Source: https://learn.microsoft.com/cli/azure/account
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.collect.resources.resource_record import ResourceRecord
from nephoscope.model.tenant_name import is_tenant_id
from nephoscope_policy.model.resource import UNREAD

if TYPE_CHECKING:
    from collections.abc import Iterator

RANK = 5
_CLOUD = ("cloudName", "environmentName")


def recognizes(value: dict[str, object]) -> bool:
    """Return whether an object is an account of the command line."""
    return "tenantId" in value and "isDefault" in value and any(name in value for name in _CLOUD)


def records(value: dict[str, object]) -> Iterator[ResourceRecord]:
    """The subscription with its own tenant, whoever signed in; nothing of a sign-in without a subscription."""
    id_, tenant = str(value.get("id")), str(value.get("homeTenantId") or value["tenantId"])
    if is_tenant_id(id_) and id_ not in (tenant, value["tenantId"]):
        yield ResourceRecord(
            {
                "id": f"/subscriptions/{id_}",
                "name": value.get("name"),
                "type": "Microsoft.Resources/subscriptions",
                "tenantId": tenant,
                UNREAD: [["tags"], ["properties"]],
            }
        )
