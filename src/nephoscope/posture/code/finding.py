"""A finding at a place of a file, and the edit that makes it go: the one result of every check of code."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from nephoscope_policy.model.state import Severity

if TYPE_CHECKING:
    from nephoscope_policy.model.source_location import Place

_SPACE = re.compile(r"\s+")


class Region(msgspec.Struct, frozen=True, order=True):
    """A range of a file: 1-based lines and columns in code points; `end_column` is the first column after it."""

    file: str
    line: int
    column: int = 1
    end_line: int = 0
    end_column: int = 0

    @property
    def last_line(self) -> int:
        """The line that the range ends in; its own first line where no end is known."""
        return self.end_line or self.line

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Edit(msgspec.Struct, frozen=True):
    """Replaces exactly a region by a text; an empty region (its end is its beginning) inserts."""

    region: Region
    text: str


class FindingState(StrEnum):
    """Result of a check at a place; UNKNOWN: it depends on values known only at deployment or elsewhere; KNOWN: it failed before."""

    FAILED = "Failed"
    UNKNOWN = "Unknown"
    SUPPRESSED = "Suppressed"
    KNOWN = "Known"


class CodeFinding(msgspec.Struct, frozen=True, kw_only=True):
    """One rule that does not hold at one place of a file.

    `rule` is the id of a CodeRule or of a recommendation; `evidence` the text that decides, `subject` what it is about (the id of a
    planned resource, a job, an instruction), `reason` why it is Unknown or suppressed, `related` the places that the value came
    through (parameters, modules). `exempt`: an exemption accepts it, not a comment. `fix` holds edits that do not overlap; none where
    a person must choose.
    """

    rule: str
    region: Region
    message: str
    severity: Severity
    state: FindingState = FindingState.FAILED
    evidence: str = ""
    subject: str = ""
    reason: str = ""
    remediation: tuple[str, ...] = ()
    fix: tuple[Edit, ...] = ()
    related: tuple[Region, ...] = ()
    exempt: bool = False

    @property
    def order(self) -> tuple[Region, str, str]:
        """The sort key: by place, then by rule."""
        return (self.region, self.rule, self.message)

    @property
    def content_hash(self) -> str:
        """A hash of what is found, without the line: it survives lines that move and white space that changes."""
        said = _SPACE.sub("", self.evidence) or self.message
        text = "\0".join((self.rule, self.region.file, self.subject.lower(), said))
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class UnreadKind(StrEnum):
    """Classifies what is not judged.

    UNVERIFIED: a file whose compiled output is judged in its place; UNUSED: parameters of no template; WITHOUT_PLAN: a configuration
    of Terraform that no plan of the scan was made from. A change that leaves these alone brings nothing; others are broken.
    """

    BROKEN = "broken"
    UNVERIFIED = "unverified"
    UNUSED = "unused"
    WITHOUT_PLAN = "withoutPlan"


class UnreadFile(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file, or a part of it, that could not be judged: why, and what to do; it is neither healthy nor unhealthy."""

    region: Region
    reason: str
    kind: UnreadKind = UnreadKind.BROKEN


def compute_fingerprints(findings: Iterable[CodeFinding]) -> list[str]:
    """Return the fingerprint of each finding, in their order: its content hash and the number of its like before it in the file."""
    seen: Counter[str] = Counter()
    found = []
    for finding in findings:
        digest = finding.content_hash
        seen[digest] += 1
        found.append(f"{digest[:16]}:{seen[digest]}")
    return found


def merge_alike(findings: Iterable[CodeFinding]) -> list[CodeFinding]:
    """Merge findings that say the same at the same place, as those of a copied resource do, into one that counts the resources."""
    alike: dict[tuple[object, ...], list[CodeFinding]] = {}
    for one in findings:
        alike.setdefault((one.region, one.rule, one.message, one.related, one.reason), []).append(one)
    return [_merge_findings(several) for several in alike.values()]


def _merge_findings(several: list[CodeFinding]) -> CodeFinding:
    first, count = several[0], len({one.subject for one in several})
    return first if count < 2 else replace(first, message=f"{first.message} ({count} resources)")


def to_region(place: Place) -> Region:
    """Return the region of a place that a reader of JSON gave: its first character, the file's first line where it has none."""
    return Region(place.file, place.line or 1, place.column or 1)
