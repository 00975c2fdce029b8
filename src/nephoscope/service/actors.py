"""Actors of the services: a caller of the server, and the user of the command line."""

from __future__ import annotations

from typing import Protocol

#: The scope of a permission on everything that the server has.
ROOT_SCOPE = "/"


class AuthorizedActor(Protocol):
    """A principal with its permissions; `access.guard.Caller` is one, and `LocalUser`."""

    @property
    def name(self) -> str:
        """The name by which the audit names the actor."""

    @property
    def author(self) -> str:
        """The name that what the actor makes carries as its author."""

    @property
    def address(self) -> str:
        """Return the address from which the request came, '' for this machine."""

    def is_permitted(self, operation: str, scope: str = ROOT_SCOPE) -> bool:
        """Tell whether an operation is allowed at a scope."""

    def require(self, operation: str, scope: str = ROOT_SCOPE, why: str = "") -> None:
        """Raise DeniedError where an operation is not allowed at a scope; `why` names what needs it."""

    def find_tenant(self, operation: str, scope: str) -> str:
        """Return the tenant of what is changed at a scope below a management group; '' elsewhere, and where it is each of them."""

    def has_in_any_repository(self, operation: str) -> bool:
        """Tell whether an operation may be done in a repository at all."""
