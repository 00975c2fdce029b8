"""Context of an evaluation besides resources: the time, the request, the assignment."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

LATEST_API = "9999-12-31"
"""requestContext().apiVersion while existing resources are scanned: newer than every real version, as Azure scans with the latest."""


class EvaluationContext(msgspec.Struct, frozen=True):
    """`now` must be aware; `utc` is the text that utcNow() returns where a caller fixes it.

    `resource_group`, `subscription`, `policy`, `request` and `claims` are what the functions of the same name return; where
    None they are derived from the snapshot (or, for requestContext, a scan at the latest api-version).
    `api_version` picks the alias paths of that version; '' takes the version recorded in the body, else the default paths.
    `attestation` is the state somebody attested for a manual policy, '' where nobody did.
    """

    now: datetime = msgspec.field(default_factory=lambda: datetime.now(UTC))
    api_version: str = ""
    resource_group: Mapping[str, object] | None = None
    subscription: Mapping[str, object] | None = None
    policy: Mapping[str, object] | None = None
    request: Mapping[str, object] | None = None
    claims: Mapping[str, object] | None = None
    attestation: str = ""
    utc: str = ""

    def build_request_context(self, view_version: str) -> dict[str, object]:
        """The object that requestContext() returns."""
        if self.request is not None:
            return dict(self.request)
        return {"apiVersion": self.api_version or view_version or LATEST_API, "identity": None}

    @property
    def utc_now(self) -> str:
        """The time as utcNow() prints it (ISO 8601, seven fraction digits)."""
        if self.utc:
            return self.utc
        return self.now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"
