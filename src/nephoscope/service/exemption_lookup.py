"""Exemptions from vulnerabilities as they are kept, and which of them holds for what was found."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from msgspec import Struct, convert

from nephoscope.service.actors import ROOT_SCOPE
from nephoscope.service.exemption_subjects import ExemptedSubject

if TYPE_CHECKING:
    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state.inventory.finding import SubjectFinding

TYPE = "Nephoscope.Posture/vulnerabilityExemptions"
_NAMES = UUID("0b6f5f5e-3f0e-5b7c-9f58-4a8f4f2f6e0d")


@dataclass(frozen=True, slots=True)
class VulnerabilityExemption:
    """An exemption at a lower-cased scope; an empty `vulnerability`, `package` or `image` stands for all, but not all three.

    `image` is a repository, `server/repository`, one of these with a tag, or a digest. `expires` is None where it has no end.
    """

    scope: str
    reason: str
    vulnerability: str = ""
    package: str = ""
    image: str = ""
    category: str = "Waiver"
    expires: datetime | None = None
    author: str = ""

    @property
    def name(self) -> str:
        """Its name: the same for what exempts from the same at the same scope."""
        return str(
            uuid5(
                _NAMES, "\0".join((self.scope, self.vulnerability.lower(), self.package, self.image.lower()))
            )
        )

    @property
    def id(self) -> str:
        """Its lower-cased id."""
        return f"{self.scope.rstrip('/')}/providers/{TYPE}/{self.name}".lower()

    def is_active(self, now: datetime) -> bool:
        """Return whether it has not expired."""
        return self.expires is None or now <= self.expires

    def covers(self, subject: ExemptedSubject, names: Iterable[str], package: str) -> bool:
        """Return whether it exempts a subject from a vulnerability, by all of its names, of a package."""
        return (
            self._is_at(subject)
            and (not self.vulnerability or self.vulnerability.lower() in {one.lower() for one in names})
            and (not self.package or self.package == package)
            and (not self.image or self.image.lower() in subject.names)
        )

    def _is_at(self, subject: ExemptedSubject) -> bool:
        if self.scope == ROOT_SCOPE:
            return True
        if self.scope.startswith("/tenants/"):
            return subject.tenant == self.scope.removeprefix("/tenants/")
        return subject.resource == self.scope or subject.resource.startswith(f"{self.scope}/")


ExemptionLookup = Callable[[ExemptedSubject, Iterable[str], str], VulnerabilityExemption | None]


def list_vulnerability_exemptions(context: ServiceContext) -> list[VulnerabilityExemption]:
    """Return all exemptions, expired ones as well; whoever shows them asks what may be read."""
    return [_read_exemption(one.body, one.author) for one in context.state.arm_documents.all([TYPE.lower()])]


def make_exemption_lookup(context: ServiceContext) -> ExemptionLookup:
    """Return what tells the exemption that holds now for a subject, a vulnerability by its names and a package."""
    holding = [one for one in list_vulnerability_exemptions(context) if one.is_active(context.now)]

    def find(subject: ExemptedSubject, names: Iterable[str], package: str) -> VulnerabilityExemption | None:
        called = tuple(names)
        found = (one for one in holding if one.covers(subject, called, package))
        # the one that holds longest
        return max(found, key=lambda one: (one.expires is None, one.expires or context.now), default=None)

    return find


def find_exemptions(
    context: ServiceContext, findings: Iterable[SubjectFinding]
) -> dict[tuple[int, int, str], VulnerabilityExemption]:
    """Return the exemptions that hold now for findings, by the keys of those."""
    find = make_exemption_lookup(context)
    exemptions = {one.finding.key: _find_exemption(find, one) for one in findings}
    return {key: one for key, one in exemptions.items() if one is not None}


def _find_exemption(find: ExemptionLookup, one: SubjectFinding) -> VulnerabilityExemption | None:
    known = one.finding.vulnerability
    return find(ExemptedSubject.of(one.subject), (known.id, *known.aliases), one.finding.name)


class _ExemptionProperties(Struct, rename="camel"):
    """The properties of an exemption as it is kept. All are required: an empty one exempts from more, so none is made up."""

    scope: str
    description: str
    vulnerability: str
    package: str
    image: str
    exemption_category: str
    expires_on: str | None


def _read_exemption(body: dict[str, object], author: str) -> VulnerabilityExemption:
    kept = convert(body["properties"], _ExemptionProperties)
    return VulnerabilityExemption(
        kept.scope, kept.description, kept.vulnerability, kept.package, kept.image, kept.exemption_category,
        datetime.fromisoformat(kept.expires_on) if kept.expires_on else None, author,
    )  # fmt: skip
