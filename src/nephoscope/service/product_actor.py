"""A part of the product that acts by itself: what it keeps is audited under its name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProductActor:
    """An AuthorizedActor whom nobody asks: a worker of the server, named by its `part`."""

    part: str
    address: str = ""

    @property
    def name(self) -> str:
        """The name with `nephoscope:` before it: no person and no program is signed in by that name."""
        return f"nephoscope:{self.part}"

    @property
    def author(self) -> str:
        """Return the same name."""
        return self.name

    def is_permitted(self, operation: str, scope: str = "/") -> bool:  # noqa: ARG002 - the protocol's
        """Allow everything."""
        return True

    def require(self, operation: str, scope: str = "/", why: str = "") -> None:
        """Allow everything."""

    def find_tenant(self, operation: str, scope: str) -> str:  # noqa: ARG002 - the protocol's
        """Return the tenant that a scope names, '' where it names none."""
        return scope.removeprefix("/tenants/").partition("/")[0] if scope.startswith("/tenants/") else ""

    def has_in_any_repository(self, operation: str) -> bool:  # noqa: ARG002 - the protocol's
        """Allow it in each."""
        return True
