"""Findings: what is known of a vulnerability, of a package that has it, and of a subject that holds the package."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from nephoscope.state.inventory.subject import InventorySubject, SubjectFilter


class ClosedBy(StrEnum):
    """Reason for closing a finding: the package is gone or another version, or advisories or the scanner no longer report it."""

    PACKAGE = "package"
    ADVISORY = "advisory"
    SCANNER = "scanner"


@dataclass(frozen=True, slots=True)
class KnownVulnerability:
    """Facts of a vulnerability that do not depend on its holder; `probability` and `percentile` are those of EPSS."""

    id: str
    summary: str = ""
    aliases: tuple[str, ...] = ()
    is_exploited: bool = False
    is_used_by_ransomware: bool = False
    exploited_since: str = ""
    probability: float | None = None
    percentile: float | None = None


@dataclass(frozen=True, slots=True)
class PackageVulnerability:
    """A vulnerability of a package; `rank` is that of the severity, `body` the finding of matching as JSON."""

    vulnerability: KnownVulnerability
    severity: str
    rank: int
    score: float | None
    state: str
    fixed_version: str
    body: bytes


@dataclass(frozen=True, slots=True)
class MatchedPackage:
    """Result of matching a package. With `keeps_earlier`, vulnerabilities that it no longer has stay, except the `rejudged` ones.

    It could not be assessed, or a feed that spoke of it is gone. With `is_removal` those that it still has get no better either.
    With `is_exploitation_retained` what was exploited stays so. `is_pending`: it was matched with another import than
    the newest, and has to be matched again.
    """

    number: int
    found: tuple[PackageVulnerability, ...]
    keeps_earlier: bool = False
    rejudged: frozenset[str] = frozenset()
    is_removal: bool = False
    is_undetermined: bool = False
    is_pending: bool = False
    is_exploitation_retained: bool = False


@dataclass(frozen=True, slots=True)
class FindingChanges:
    """Counts of the findings that a change opened, closed and reopened, and the subjects whose findings changed."""

    opened: int = 0
    closed: int = 0
    reopened: int = 0
    subjects: frozenset[int] = frozenset()

    def __add__(self, other: FindingChanges) -> FindingChanges:
        """Both changes together."""
        return FindingChanges(
            self.opened + other.opened,
            self.closed + other.closed,
            self.reopened + other.reopened,
            self.subjects | other.subjects,
        )


@dataclass(frozen=True, slots=True)
class VulnerabilityFinding:
    """A vulnerability of a package of a subject; `earlier` are the periods (opened, closed) before it was opened last."""

    subject: int
    package: int
    type: str
    name: str
    version: str
    vulnerability: KnownVulnerability
    severity: str
    score: float | None
    state: str
    fixed_version: str
    first_seen: datetime
    opened: datetime
    closed: datetime | None = None
    closed_by: str = ""
    earlier: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> tuple[int, int, str]:
        """The subject, the number of the package and the id of the vulnerability."""
        return self.subject, self.package, self.vulnerability.id


@dataclass(frozen=True, slots=True)
class FindingFilter:
    """Filter of findings and their subjects; `rank` is the lowest rank of the severity.

    `text` stands in a name of the vulnerability or in its summary.
    """

    subjects: SubjectFilter
    vulnerability: str = ""
    package: str = ""
    rank: int = 0
    is_exploited: bool = False
    is_fixable: bool = False
    with_closed: bool = False
    most: int = 10_000
    text: str = ""


@dataclass(frozen=True, slots=True)
class VulnerabilitySummary:
    """A vulnerability with the number of machines and images that have it, and the worst that is said of a package of theirs.

    `first_seen` is None where it was not asked for.
    """

    vulnerability: KnownVulnerability
    severity: str
    score: float | None
    machines: int
    images: int
    fixable: int
    first_seen: datetime | None = None


@dataclass(frozen=True, slots=True)
class SubjectFinding:
    """A finding with its subject."""

    subject: InventorySubject
    finding: VulnerabilityFinding
