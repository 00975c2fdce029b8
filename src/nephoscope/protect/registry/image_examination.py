"""Examines an image of a registry on every machine that it is for: its packages and what is known against them, and all else in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeAlias

from msgspec.structs import replace

from nephoscope.collect.images.documents import SCHEMA_1_TYPES
from nephoscope.collect.images.errors import ImageError, ImageNotFoundError, RegistryUnreachableError
from nephoscope.collect.images.image import Image, open_image
from nephoscope.collect.images.registry import Registry, RepositoryStore
from nephoscope.collect.malware.known_digests import KnownMalware
from nephoscope.collect.scanning.examination import ImageExamination
from nephoscope.collect.scanning.examination_builder import ExaminationContext, examine_image
from nephoscope.collect.scanning.image_scan import ImageReading
from nephoscope.collect.scanning.layer_cache import LayerFolder
from nephoscope.collect.scanning.license_policy import make_policy
from nephoscope.collect.scanning.scan_contents import InventoryContents
from nephoscope.collect.scanning.scan_options import LookedFor
from nephoscope.model.package import Package
from nephoscope.protect.registry.image_policy import ImagePolicy
from nephoscope.protect.registry.image_tree import ImageTree, TreeDocument
from nephoscope.protect.registry.verdicts import ImageProblem, PlatformExamination
from nephoscope.vulnerability.database.advisory_lookup import AdvisoryDatabase
from nephoscope.vulnerability.matching.findings import PackageAssessment
from nephoscope.vulnerability.matching.matcher import MatchingOptions, match_all_packages
from nephoscope.vulnerability.matching.statement_lookup import (
    AdvisoryIndex,
    StatementSource,
    explain_unknown_exploitation,
)

_SCHEMA_1 = "it has a manifest of Docker's schema 1, whose signature names its repository: push it again as OCI or schema 2"
#: Takes what an image holds by the digest of its manifest, so that it is kept.
KeepContents: TypeAlias = Callable[[str, InventoryContents], None]


@dataclass(frozen=True, slots=True)
class Examiner:
    """Examines images at a time.

    `layers` is the folder that keeps what layers hold, `advisories` the file of what is known, if it is there; `known` are digests of
    files that are known to be bad.
    """

    layers: Path
    advisories: Path
    now: datetime
    looked_for: LookedFor
    known: KnownMalware | None = None

    @property
    def generation(self) -> int:
        """The number of the last import of advisories, 0 before the first."""
        if not self.advisories.exists():
            return 0
        with AdvisoryDatabase(self.advisories, self.now) as database:
            return database.get_generation()

    def examine(
        self,
        registry: Registry,
        repository: str,
        tree: ImageTree,
        policy: ImagePolicy,
        *,
        tag: str = "",
        keep: KeepContents = lambda _digest, _contents: None,
    ) -> list[PlatformExamination]:
        """Return what each image of a tree holds; `tag` is the one that the tree is known by.

        A part that cannot be read is a problem of its image; raises RegistryUnreachableError and ImageNotFoundError, since another try
        may read it.
        """
        store = RepositoryStore(registry, repository)
        images = [
            self._examine_platform(store, one, policy, tag, keep) for one in tree.documents if one.is_image
        ]
        return images + [_read_artifact(one) for one in tree.documents if one.artifact]

    def _examine_platform(
        self,
        store: RepositoryStore,
        document: TreeDocument,
        policy: ImagePolicy,
        tag: str,
        keep: KeepContents,
    ) -> PlatformExamination:
        name = f"{store.registry.host}/{store.repository}@{document.digest}"
        platform = str(document.platform or "")
        cache = LayerFolder(self.layers, self.looked_for.digest)
        around = ExaminationContext(
            self.now, self.known, make_policy(policy.allowed_licenses, policy.denied_licenses)
        )
        try:
            image = replace(open_image(store, document.content, name), digest=document.digest)
            found = examine_image(image, ImageReading(self.looked_for, cache), around, tag)
        except (RegistryUnreachableError, ImageNotFoundError):
            raise
        except ImageError as error:
            problem = ImageProblem(kind="unread", key="", text=f"it cannot be read: {error}")
            return PlatformExamination(digest=document.digest, platform=platform, problems=(problem,))
        keep(document.digest, found.contents)
        assessments, exploitation = self._assess_packages(found.contents.packages)
        return PlatformExamination(
            digest=document.digest,
            platform=str(image.platform) or platform,
            assessments=assessments,
            exploitation=exploitation,
            absence=found.contents.absence,
            problems=(*_list_problems(image, found), *_check_age(image, policy, self.now)),
        )

    def _assess_packages(self, packages: tuple[Package, ...]) -> tuple[tuple[PackageAssessment, ...], str]:
        """Return the assessments of packages, and why it is not known which vulnerabilities are exploited."""
        if not self.advisories.exists():
            return self._match_packages(packages, AdvisoryIndex(()))
        with AdvisoryDatabase(self.advisories, self.now) as database:
            return self._match_packages(packages, database)

    def _match_packages(
        self, packages: tuple[Package, ...], source: StatementSource
    ) -> tuple[tuple[PackageAssessment, ...], str]:
        options = MatchingOptions(today=f"{self.now:%Y-%m-%d}")
        return tuple(match_all_packages(packages, source, options)), explain_unknown_exploitation(source)


def _read_artifact(document: TreeDocument) -> PlatformExamination:
    text = f"{document.digest} is an artifact of the type {document.artifact[:100]}, which is not examined"
    problem = ImageProblem(kind="artifact", key=document.artifact[:100], text=text)
    return PlatformExamination(digest=document.digest, platform="", problems=(problem,))


def _list_problems(image: Image, found: ImageExamination) -> Iterable[ImageProblem]:
    if image.media_type in SCHEMA_1_TYPES:
        yield ImageProblem(kind="artifact", key="schema-1", text=_SCHEMA_1)
    yield from _list_malware_problems(found)
    for secret in found.secrets:
        lower = ", in a layer below one that takes it away" if secret.removed_by else ""
        text = f"{secret.title} in {secret.path}, line {secret.first_line}{lower}"
        yield ImageProblem(kind="secret", key=f"{secret.rule} {secret.path}", text=text)
    for finding in found.configuration:
        kind = "configuration" if finding.status == "Unhealthy" else "configuration_unknown"
        yield ImageProblem(kind=kind, key=finding.rule, text=f"{finding.title}: {finding.message}")  # type: ignore[arg-type]
    for package in found.licenses:
        names = ", ".join(package.licenses) or "no license that is known"
        text = f"{package.name} {package.version}: {names} ({package.status})"
        yield ImageProblem(
            kind="license_unknown" if package.status == "Unknown" else "license", key=package.name, text=text
        )
    yield from _list_unread_files(found)


def _list_malware_problems(found: ImageExamination) -> Iterable[ImageProblem]:
    for one in found.malware:
        place = f"{one.path}!{one.member}" if one.member else one.path
        kind = "suspicious" if one.kind == "suspicious" else "malware"
        yield ImageProblem(kind=kind, key=f"{one.rule} {place}", text=f"{one.title} ({one.rule}) in {place}")  # type: ignore[arg-type]
    if "malware" not in found.examined:
        yield ImageProblem(kind="malware_unknown", key="", text="it was not looked through for malware")


def _list_unread_files(found: ImageExamination) -> Iterable[ImageProblem]:
    """Yield what was not looked at, or not in full."""
    for one in found.unassessed:
        if one.part == "packages" and not one.path and one.reason == found.contents.absence:
            continue  # its policy says what follows of packages that are not known
        place = f"{one.path}: " if one.path else ""
        kind = "malware_unknown" if one.part == "malware" else "unread"
        text = f"{place}not looked through for {one.part}: {one.reason}"
        yield ImageProblem(kind=kind, key=one.path, text=text)  # type: ignore[arg-type]
    for aside in found.contents.set_aside:
        text = f"{aside.path}, line {aside.line}: no package that could be read: {aside.reason}"
        yield ImageProblem(kind="unread", key=aside.path, text=text)


def _check_age(image: Image, policy: ImagePolicy, now: datetime) -> Iterable[ImageProblem]:
    """Yield that the image is older than its policy lets it be, or does not say how old it is."""
    if not policy.max_age_days:
        return
    oldest = min((one.created for one in image.configuration.history if one.created), default="")
    created = oldest or image.configuration.created
    try:
        age = now - datetime.fromisoformat(created)
    except (ValueError, TypeError):
        yield ImageProblem(kind="age", key="", text="it does not say when its base was made")
        return
    if age > timedelta(days=policy.max_age_days):
        text = f"its base was made {age.days} days ago, more than {policy.max_age_days}"
        yield ImageProblem(kind="age", key="", text=text)
