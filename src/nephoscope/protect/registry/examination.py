"""Examines an image of a registry on every machine that it is for: its packages, and what is known against them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from nephoscope.collect.images.documents import SCHEMA_1_TYPES
from nephoscope.collect.images.errors import ImageError, ImageNotFoundError, RegistryUnreachableError
from nephoscope.collect.images.image import Image, open_image
from nephoscope.collect.images.registry import Registry, RepositoryStore
from nephoscope.collect.scanning.contents import Contents
from nephoscope.collect.scanning.image_scan import scan_image
from nephoscope.collect.scanning.layer_cache import LayerFolder
from nephoscope.model.package import Package
from nephoscope.protect.registry.image_policy import ImagePolicy
from nephoscope.protect.registry.image_tree import ImageTree, TreeDocument
from nephoscope.protect.registry.verdicts import ExaminedImage, ImageProblem
from nephoscope.vulnerability.database.reading import AdvisoryDatabase
from nephoscope.vulnerability.matching.findings import Assessment
from nephoscope.vulnerability.matching.matcher import MatchingOptions, match_all
from nephoscope.vulnerability.matching.statements import AdvisoryIndex

_SHOWN = 5
_SCHEMA_1 = "it has a manifest of Docker's schema 1, whose signature names its repository: push it again as OCI or schema 2"


@dataclass(frozen=True, slots=True)
class Examiner:
    """Examines images at a time; `layers` keeps what layers hold, `advisories` is the file of what is known, if it is there."""

    layers: LayerFolder
    advisories: Path
    now: datetime

    @property
    def generation(self) -> int:
        """The number of the last import of advisories, 0 before the first."""
        if not self.advisories.exists():
            return 0
        with AdvisoryDatabase(self.advisories, self.now) as database:
            return database.generation()

    def examine(
        self, registry: Registry, repository: str, tree: ImageTree, policy: ImagePolicy
    ) -> list[ExaminedImage]:
        """Return what each image of a tree holds.

        A part that cannot be read is a problem of its image; raises RegistryUnreachableError and ImageNotFoundError, since another try
        may read it.
        """
        store = RepositoryStore(registry, repository)
        images = [self._examine(store, one, policy) for one in tree.documents if one.is_image]
        return images + [_artifact(one) for one in tree.documents if one.artifact]

    def _examine(self, store: RepositoryStore, document: TreeDocument, policy: ImagePolicy) -> ExaminedImage:
        name = f"{store.registry.host}/{store.repository}@{document.digest}"
        platform = str(document.platform or "")
        try:
            image = open_image(store, document.content, name)
            contents = scan_image(image, self.layers)
        except (RegistryUnreachableError, ImageNotFoundError):
            raise
        except ImageError as error:
            problem = ImageProblem(kind="unread", key="", text=f"it cannot be read: {error}")
            return ExaminedImage(digest=document.digest, platform=platform, problems=(problem,))
        return ExaminedImage(
            digest=document.digest,
            platform=str(image.platform) or platform,
            assessments=self._assess(contents.packages),
            problems=(*_problems(image, contents), *_age(image, policy, self.now)),
        )

    def _assess(self, packages: tuple[Package, ...]) -> tuple[Assessment, ...]:
        options = MatchingOptions(today=f"{self.now:%Y-%m-%d}")
        if not self.advisories.exists():
            return tuple(match_all(packages, AdvisoryIndex(()), options))
        with AdvisoryDatabase(self.advisories, self.now) as database:
            return tuple(match_all(packages, database, options))


def _artifact(document: TreeDocument) -> ExaminedImage:
    text = f"{document.digest} is an artifact of the type {document.artifact[:100]}, which is not examined"
    problem = ImageProblem(kind="artifact", key=document.artifact[:100], text=text)
    return ExaminedImage(digest=document.digest, platform="", problems=(problem,))


def _problems(image: Image, contents: Contents) -> Iterable[ImageProblem]:
    if image.media_type in SCHEMA_1_TYPES:
        yield ImageProblem(kind="artifact", key="schema-1", text=_SCHEMA_1)
    unread = [(one.path, one.reason) for one in contents.unread]
    aside = [(f"{one.path}:{one.line}", one.reason) for one in contents.set_aside]
    for path, reason in (*unread, *aside)[:_SHOWN]:
        yield ImageProblem(kind="unread", key=path, text=f"{path} could not be read: {reason}")
    if (more := len(unread) + len(aside) - _SHOWN) > 0:
        yield ImageProblem(kind="unread", key="", text=f"{more} more files could not be read in full")


def _age(image: Image, policy: ImagePolicy, now: datetime) -> Iterable[ImageProblem]:
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
