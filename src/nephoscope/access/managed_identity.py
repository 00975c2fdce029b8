"""Managed identity stand-in: issues tokens to programs on this machine that have no secret.

It is one named principal that only reads, and only who asks from this machine itself gets it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from nephoscope.access.roles import READER, SECURITY_READER
from nephoscope.state.access.principals import Principal, PrincipalKind, RoleAssignment

if TYPE_CHECKING:
    from nephoscope.state.access.principals import Principals

#: The roles that a managed identity can have; others count for nothing with it.
READING = frozenset({READER.name, SECURITY_READER.name})
#: What a proxy adds: who is behind one is not on this machine.
FORWARDED = ("x-forwarded-for", "x-forwarded-host", "x-real-ip", "forwarded", "via")


class ManagedIdentityError(ValueError):
    """A principal that cannot be the managed identity; the message says why and what to do."""


def find_bound_principal(principals: Principals, name: str) -> Principal:
    """The principal of a name that local programs get; ManagedIdentityError where it is none or may do more than read."""
    found = principals.find_by_name(PrincipalKind.MANAGED_IDENTITY, name)
    if found is None or found.disabled:
        raise ManagedIdentityError(
            f"managed identity {name!r} not found: create it with nephoscope access add {name} "
            "--managed-identity"
        )
    more = sorted({one.role for one in principals.roles(found.id)} - READING)
    if more:
        raise ManagedIdentityError(
            f"{name} is {', '.join(more)}, but a managed identity must be read-only: run `nephoscope "
            f"access revoke {name} --role ROLE`"
        )
    return found


def cap_roles(principal: Principal, roles: Iterable[RoleAssignment]) -> tuple[RoleAssignment, ...]:
    """The roles that count: of a managed identity those that only read, whoever gave it others."""
    if principal.kind is not PrincipalKind.MANAGED_IDENTITY:
        return tuple(roles)
    return tuple(one for one in roles if one.role in READING)


def is_local_request(address: str, headers: Mapping[str, str]) -> bool:
    """Return whether a request comes from this machine itself, through nothing else."""
    try:
        here = ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
    return here and not any(headers.get(name) is not None for name in FORWARDED)
