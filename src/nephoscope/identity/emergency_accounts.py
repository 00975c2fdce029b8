"""Emergency access accounts: whether a tenant has two that work when policies or people fail, and whether one was used.

One is an account of the cloud alone that is always Global Administrator, and that every enabled conditional access policy which
is about it leaves out.
Source: https://learn.microsoft.com/entra/identity/role-based-access-control/security-emergency-access
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.principals import REGISTRATION_TYPE, USER_TYPE
from nephoscope.estate.resource_lookup import get_properties
from nephoscope.identity.administrators import DIRECTORY
from nephoscope.identity.conditional_access import ENABLED, AccessEvaluation

if TYPE_CHECKING:
    from nephoscope.estate.resource_lookup import AnalyzerEstate
    from nephoscope.identity.administrators import Administrator

GLOBAL_ADMINISTRATOR = "Global Administrator"
LEAST_ACCOUNTS = 2
#: Methods that no proxy or message passes on.
_STRONG = ("fido2", "passkey", "windowshello", "certificate", "x509certificate")


@dataclass(frozen=True, slots=True)
class EmergencyAccount:
    """An emergency access account: its registered methods (None = not collected), and the last sign-in that logs have."""

    id: str
    name: str
    methods: tuple[str, ...] | None
    used: datetime | None

    @property
    def is_strong(self) -> bool | None:
        """Return whether a security key, passkey or certificate is registered, None where that was not collected."""
        if self.methods is None:
            return None
        return any(one.lower().startswith(_STRONG) for one in self.methods)


def find_emergency_accounts(
    estate: AnalyzerEstate, administrators: Sequence[Administrator], use: Mapping[str, datetime]
) -> list[EmergencyAccount] | None:
    """Return the emergency access accounts of an estate, None where policies or users were not collected."""
    try:
        policies = [one for one in AccessEvaluation(estate).policies if one.state == ENABLED]
    except DataNotCollectedError:
        return None
    users = {one.id.name: get_properties(one) for one in estate.list_of_type(USER_TYPE)}
    methods = {
        one.id.name: get_properties(one).get("methodsRegistered")
        for one in estate.list_of_type(REGISTRATION_TYPE)
    }
    found = []
    for one in administrators:
        named = [policy for policy in policies if one.id in policy.included.users]
        left_out = [policy for policy in policies if one.id in policy.excluded.users]
        in_cloud_alone = not users.get(one.id, {}).get("onPremisesSecurityIdentifier")
        if _is_permanent(one) and in_cloud_alone and left_out and all(policy in left_out for policy in named):
            listed = methods.get(one.id)
            registered = tuple(map(str, listed)) if isinstance(listed, list) else None
            found.append(EmergencyAccount(one.id, one.name, registered, use.get(one.id)))
    return found


def _is_permanent(one: Administrator) -> bool:
    """Return whether a user who can sign in is Global Administrator without an activation."""
    return (
        one.kind == "user"
        and one.enabled is not False
        and not one.guest
        and any(
            held.role == GLOBAL_ADMINISTRATOR and held.scope == DIRECTORY and not held.eligible
            for held in one.roles
        )
    )
