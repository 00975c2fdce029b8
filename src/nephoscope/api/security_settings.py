"""Microsoft.Security: what a subscription is protected by and who is told: plans and contacts, put here or read from the estate.

What is put here stands in the place of what the estate says in every answer; it switches nothing on in Azure.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/pricings (2024-01-01), security-contacts (2023-12-01-preview)
"""

from __future__ import annotations

from typing import Any

from nephoscope.api.wire import documents
from nephoscope.api.wire.answer import Answer
from nephoscope.api.wire.call import Call
from nephoscope.api.wire.fault import bad
from nephoscope.api.wire.operation import Surface

SURFACE = Surface("Plans and contacts", "Microsoft.Security")
PRICINGS, CONTACTS = "Microsoft.Security/pricings", "Microsoft.Security/securityContacts"
TIERS = ("Free", "Standard")


def _tier(body: dict[str, Any]) -> None:
    given = body["properties"].get("pricingTier")
    if given not in TIERS:
        raise bad(f"pricingTier is one of {', '.join(TIERS)}.", "properties.pricingTier")


def _contact(body: dict[str, Any]) -> None:
    """A contact has addresses, or roles that are told."""
    properties = body["properties"]
    told = properties.get("emails") or properties.get("email") or properties.get("notificationsByRole")
    if not told:
        raise bad("A contact needs 'emails' or 'notificationsByRole'.", "properties.emails")


def _declare(type_: str, operations: str, name: str, word: str) -> None:
    path, check = f"{{scope}}/providers/{type_}", _tier if type_ == PRICINGS else _contact

    @SURFACE.get(path, f"{operations}_List", f"{type_}/read")
    def _list(call: Call) -> Answer:
        """Those of a subscription or a resource."""
        prefix = f"{call.path.lower().rstrip('/')}/"
        return documents.page(
            call, [type_], call.below, lambda one: str(one["id"]).lower().startswith(prefix)
        )

    @SURFACE.get(f"{path}/{{{name}}}", f"{operations}_Get", f"{type_}/read")
    def _get(call: Call) -> Answer:
        """One of them."""
        return documents.get(call, word)

    @SURFACE.put(f"{path}/{{{name}}}", f"{operations}_Update", f"{type_}/write")
    def _put(call: Call) -> Answer:
        """Keep one in the place of what the estate says."""
        found = documents.put(call, type_, check)
        # a plan is always there, if free: Azure answers 200, and `az` takes nothing else
        return Answer(found.body) if type_ == PRICINGS else found

    @SURFACE.delete(f"{path}/{{{name}}}", f"{operations}_Delete", f"{type_}/delete")
    def _delete(call: Call) -> Answer:
        """Forget one that was put; what the estate says holds again."""
        return documents.delete(call, type_)


_declare(PRICINGS, "Pricings", "pricingName", "plan")
_declare(CONTACTS, "SecurityContacts", "securityContactName", "contact")
