"""The policy of a registry: what an image may hold to be promoted, as a document."""

from __future__ import annotations

from datetime import date
from typing import Literal, TypeAlias

import msgspec

#: What follows of a finding: the image is rejected, held for a person, or goes on.
Effect: TypeAlias = Literal["reject", "hold", "allow"]
SeverityLimit: TypeAlias = Literal["Negligible", "Low", "Medium", "High", "Critical"]


class ImagePolicyExemption(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """A vulnerability that does not count: by its id, in a package or, where `package` is '', in all, to the end of a day."""

    vulnerability: str
    reason: str
    package: str = ""
    expires: date | None = None

    def covers(self, ids: frozenset[str], package: str, today: date) -> bool:
        """Return whether a vulnerability of these names in a package is exempt on a day."""
        named = self.vulnerability.lower() in {one.lower() for one in ids}
        return named and self.package in ("", package) and (self.expires is None or today <= self.expires)


class ImagePolicy(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Policy for the content of images. Malware is always a reason to reject, and no setting says otherwise.

    A vulnerability more severe than `max_severity` ends as `vulnerabilities` says; with `fixable_only` those count for which there is
    a fix. `exploited` is of those that are exploited already, whatever their severity. `unknown` is of packages that were not
    assessed, and of vulnerabilities whose severity is unknown; `unread` of what could not be read, `malware_unknown` of what could not
    be looked through for malware, `suspicious` of what only looks like it. `configuration` names rules of images that reject (`*` =
    each). `allowed_licenses` and `denied_licenses` are identifiers of SPDX (`GPL-*`), `licenses` what follows. `max_age_days` bounds
    the age of the image's base, 0 = any. `signatures` is how many signatures by keys of the registry are wanted; `attestations` are
    types of statements that such a key must have signed (provenance, sbom, vulnerabilities, or a predicate type), `builders` those
    whose provenance counts (`https://github.com/*`). `delete_rejected` deletes what is rejected; `copy_unmountable` sends blobs again
    where a registry does not mount them.
    """

    max_severity: SeverityLimit = "Medium"
    vulnerabilities: Effect = "reject"
    fixable_only: bool = False
    exploited: Effect = "reject"
    unknown: Effect = "hold"
    unread: Effect = "hold"
    secrets: Effect = "reject"
    suspicious: Effect = "hold"
    malware_unknown: Effect = "hold"
    configuration: tuple[str, ...] = ()
    allowed_licenses: tuple[str, ...] = ()
    denied_licenses: tuple[str, ...] = ()
    licenses: Effect = "hold"
    max_age_days: int = 0
    signatures: int = 0
    attestations: tuple[str, ...] = ()
    builders: tuple[str, ...] = ()
    exemptions: tuple[ImagePolicyExemption, ...] = ()
    delete_rejected: bool = False
    copy_unmountable: bool = False
