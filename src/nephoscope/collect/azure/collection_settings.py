"""The settings of a collection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from nephoscope.collect.azure.collection_scope import CollectionScope
from nephoscope.connect.cloud import CLOUDS, Cloud
from nephoscope.connect.credentials import CredentialSource, create_credential_source

#: Told what is being done, how much of it is done, and of how much.
Progress = Callable[[str, int, int], None]


class CollectError(Exception):
    """A collection that ended early, or could not begin; the message says why and what to do."""


@dataclass(frozen=True)
class CollectionSettings:
    """Settings of a collection: scope, cloud, sign-in (`credential`, one of credentials.KINDS), Microsoft Graph or not.

    `workers` limits the concurrent requests. `sign_in` creates the credential of a tenant; tests replace it.
    """

    scope: CollectionScope = field(default_factory=CollectionScope)
    cloud: Cloud = CLOUDS["public"]
    credential: str = "default"
    graph: bool = True
    resume: bool = False
    workers: int = 8
    sign_in: Callable[[str], CredentialSource] | None = field(default=None, compare=False)

    def find_credential(self, tenant: str) -> CredentialSource:
        """Return how to sign in for a tenant ('' = the credential's own); raises SignInError."""
        if self.sign_in is not None:
            return self.sign_in(tenant)
        return create_credential_source(self.credential, self.cloud, tenant)
