"""The user of the operating system who runs a command: owns the data folder, so may do everything in it."""

from __future__ import annotations

import os
import pwd
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from typing import Self


class LocalUser(msgspec.Struct, frozen=True):
    """An AuthorizedActor whom the file system authorizes: who cannot write the folder fails at the first change."""

    author: str
    address: str = ""

    @classmethod
    def current(cls) -> Self:
        """Return the user whose process this is, whatever the environment says; `user NUMBER` where it has no name."""
        try:
            return cls(pwd.getpwuid(os.getuid()).pw_name)
        except KeyError:
            return cls(f"user {os.getuid()}")

    @property
    def name(self) -> str:
        """The name with `os:` before it: a user of this machine is nobody whom the server signs in by that name."""
        return f"os:{self.author}"

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
