"""Image lifecycle: examine, evaluate and promote, with each step stored before the next and repeatable.

EXAMINE -> (COPY -> TAG -> CLEAN ->) FINISH. Whoever is killed between two steps, or in one, is followed by another who begins that
step again: documents are put under their own digests, tags are given anew, what is deleted already is deleted.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from nephoscope import __version__
from nephoscope.collect.images.errors import (
    ImageDeniedError,
    ImageError,
    ImageNotFoundError,
    RegistryUnreachableError,
)
from nephoscope.collect.images.registry_writing import find_manifest
from nephoscope.protect.registry.image_events import (
    PRODUCT,
    UNENDED,
    count_unended_examinations,
    requeue_image,
    without_unfinished,
)
from nephoscope.protect.registry.image_outcome import (
    decide_final_status,
    is_notable_outcome,
    list_accepted_reasons,
    mark_image_removed,
    with_pushed_meanwhile,
)
from nephoscope.protect.registry.image_statements import read_image_evidence
from nephoscope.protect.registry.image_tree import ImageTree, read_tree
from nephoscope.protect.registry.promotion import (
    PromotionError,
    copy_attachments,
    copy_tree,
    delete_quarantined_images,
    tag_root,
)
from nephoscope.protect.registry.scan_attestation import (
    KEY_NAME,
    attach_envelope,
    scan_statement,
    seal_statement,
)
from nephoscope.protect.registry.verdict_rows import VERDICTS_TABLE, build_verdict_row
from nephoscope.protect.registry.verdicts import (
    ImageVerdict,
    PlatformExamination,
    VerdictReason,
    assess_image,
    summarize_images,
)
from nephoscope.state import StateError
from nephoscope.state.access.credentials import CredentialError
from nephoscope.state.inventory.inventories import LISTING_HOLDS
from nephoscope.state.registries.registry_images import ImageStatus, ImageStep, RegistryImage

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.collect.images.registry import Registry
    from nephoscope.collect.scanning.scan_contents import InventoryContents
    from nephoscope.protect.registry.image_examination import Examiner, KeepContents
    from nephoscope.protect.registry.registry_settings import RegistrySettings
    from nephoscope.state import State
    from nephoscope.state.leases.leases import Lease
    from nephoscope.state.registries.watched_registries import WatchedRegistry

_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=5), timedelta(minutes=10)
#: Tries after which a step that the registry refuses is held for a person; one that does not answer is asked without end.
_MOST_REFUSALS = 8
#: Examinations of an image that may end their worker, until a person or a push asks for another.
MOST_UNENDED = 3
#: What lists the images that it holds, and runs none.
_REGISTRIES = "/microsoft.containerregistry/registries/"
_LOG = logging.getLogger("nephoscope.registries")
#: Takes what an image of a registry holds, by the digest of the manifest for one machine.
Keep: TypeAlias = Callable[["WatchedRegistry", RegistryImage, str, "InventoryContents"], None]


@dataclass(slots=True)
class ImageWorkflow:
    """Takes images of one registry on their way, under a lease.

    `keep` is given the contents of images outside of quarantine; `after` is called between a step and its being kept, for tests.
    """

    state: State
    watched: WatchedRegistry
    settings: RegistrySettings
    registry: Registry
    examiner: Examiner
    lease: Lease
    clock: Callable[[], datetime]
    keep: Keep = field(default=lambda _watched, _image, _digest, _contents: None)
    after: Callable[[ImageStep], None] = field(default=lambda _: None)

    def advance_image(self, image: RegistryImage) -> RegistryImage:
        """Take an image as far as it comes now, and return how it stands; raises LeaseLostError, StateError."""
        while image.status is ImageStatus.QUEUED and image.due <= self.clock():
            step = image.step
            if step is ImageStep.EXAMINE:
                image = self._begin_examination(image)
                if image.status is not ImageStatus.QUEUED:
                    return image
            try:
                changed = self._run_workflow_step(image)
            except ImageError as error:
                return self._keep_changed_image(image, self._record_failure(image, error))
            except StateError:
                raise
            except Exception as error:  # noqa: BLE001 - the boundary of an image: what one holds keeps no other from its way
                _LOG.exception("%s of %s: %s", image.name, image.registry, step.value)
                fault = ImageError(f"an internal error, see the server log: {type(error).__name__}")
                return self._keep_changed_image(image, self._record_failure(image, fault))
            self.after(step)
            image = self._keep_changed_image(image, changed)
        return image

    def _begin_examination(self, image: RegistryImage) -> RegistryImage:
        """Note that an examination begins, and return the image; one whose examinations took their workers with them is held.

        What runs out of memory tells nobody: the note is kept before, and goes with the end of the examination, good or bad.
        """
        begun = count_unended_examinations(image)
        if begun < MOST_UNENDED:
            noted = replace(image, summary={**(image.summary or {}), UNENDED: begun + 1})
            return self._keep_noted_changes(image, noted)
        text = (
            f"its examination ended the worker {begun} times, most likely for want of memory:"
            " give it more, and have the image examined again"
        )
        reason = VerdictReason(kind="unended", key="", effect="hold", text=text)
        _LOG.error("image %s of registry %s: %s", image.name, image.registry, text)
        summary = {**(image.summary or {}), "previousVerdict": image.verdict, "concerns": [("unended", "")]}
        held = replace(
            image, status=ImageStatus.HELD, verdict="hold", attempts=0, error="", reasons=(msgspec.to_builtins(reason),),
            summary=summary, examined=self.clock(), generation=self.examiner.generation,
            target=self.settings.get_promotion_target(image.repository),
        )  # fmt: skip
        return self._keep_changed_image(image, held)

    def _keep_noted_changes(self, before: RegistryImage, noted: RegistryImage) -> RegistryImage:
        """Keep the note of an examination that begins, in what is known of the image by now."""
        images = self.state.registry_images
        with self.state.transaction(product=PRODUCT) as session:
            self.lease.check(session)
            now = images.find(session, before.registry, before.repository, before.digest)
            if now is not None:
                images.put(session, replace(now, summary=noted.summary))
        return noted

    def _run_workflow_step(self, image: RegistryImage) -> RegistryImage:
        match image.step:
            case ImageStep.EXAMINE:
                return self._examine_image(image)
            case ImageStep.COPY:
                return self._copy_image(image)
            case ImageStep.TAG:
                return self._tag_image(image)
            case ImageStep.CLEAN:
                return self._clean_up_quarantine(image)
            case ImageStep.FINISH:
                return self._finish_examination(image)

    def _examine_image(self, image: RegistryImage) -> RegistryImage:
        target = self.settings.get_promotion_target(image.repository)
        where = self._find_repository(image, target)
        if not where:
            return mark_image_removed(image)
        tree = read_tree(self.registry, where, image.digest)
        policy, now = self.settings.policy, self.clock()
        tag = next(iter(image.tags), "")
        images = self.examiner.examine(
            self.registry, where, tree, policy, tag=tag, keep=self._build_kept_contents(image)
        )
        stated = read_image_evidence(self.registry, self.settings, where, image.digest)
        if stated.problems:
            images.append(PlatformExamination(digest=image.digest, platform="", problems=stated.problems))
        judged = assess_image(images, policy, now.date(), list_accepted_reasons(image))
        kept = {
            "previousVerdict": image.verdict, "concerns": judged.concerns, "accepted": sorted(list_accepted_reasons(image)),
            **stated.to_shown_values(),
        }  # fmt: skip
        examined = replace(
            image, manifests=tree.digests, verdict=judged.verdict, reasons=tuple(map(msgspec.to_builtins, judged.reasons)),
            generation=self.examiner.generation, summary={**summarize_images(images), **kept}, examined=now, target=target,
            attempts=0, error="",
        )  # fmt: skip
        if not target:
            self._attest_examination(image, images, judged, now)
            return replace(examined, step=ImageStep.FINISH)
        if judged.verdict == "promote":
            # what is there already gets its new tags alone
            step = ImageStep.COPY if where == image.repository else ImageStep.TAG
            return replace(examined, step=step, decided=now, decided_by="", decision_reason="")
        rejected = judged.verdict == "reject"
        return replace(
            examined, decided=now if rejected else None, decided_by="", decision_reason="",
            step=ImageStep.CLEAN if rejected and policy.delete_rejected else ImageStep.FINISH,
        )  # fmt: skip

    def _attest_examination(
        self, image: RegistryImage, images: list[PlatformExamination], judged: ImageVerdict, began: datetime
    ) -> None:
        """Put a statement on what was found beside an image, where the settings say so; raises RegistryUnreachableError.

        The verdict stands without it: a key that is missing, or a registry that refuses, is told, and nothing else follows.
        """
        if not self.settings.attests:
            return
        try:
            key = self.state.credentials.get(KEY_NAME).reveal()
        except CredentialError as error:
            _LOG.error("%s of %s is not attested: %s: create the key", image.name, image.registry, error)
            return
        name = f"{self.registry.host}/{image.repository}"
        generation = self.examiner.generation
        statement = scan_statement(
            name, image.digest, images, judged, __version__, generation, began, self.clock()
        )
        try:
            attach_envelope(self.registry, image.repository, image.digest, seal_statement(statement, key))
        except RegistryUnreachableError:
            raise
        except ImageError as error:
            _LOG.error("%s of %s is not attested: %s", image.name, image.registry, error)

    def _build_kept_contents(self, image: RegistryImage) -> KeepContents:
        """Return what keeps the contents of an image: of those outside of quarantine, which may be used."""
        if self.settings.get_promotion_target(image.repository):
            return lambda _digest, _contents: None
        return lambda digest, contents: self.keep(self.watched, image, digest, contents)

    def _find_repository(self, image: RegistryImage, target: str) -> str:
        """Return the repository that an image is read from: its own, else where it was promoted to and waits for tags; '' for none."""
        if find_manifest(self.registry, image.repository, image.digest) is not None:
            return image.repository
        promoted = bool(target and image.tags) and find_manifest(self.registry, target, image.digest)
        return target if promoted else ""

    def _copy_image(self, image: RegistryImage) -> RegistryImage:
        place = self._find_repository(image, image.target)
        if place != image.repository:
            return (
                replace(image, step=ImageStep.TAG, attempts=0, error="")
                if place
                else mark_image_removed(image)
            )
        tree = read_tree(self.registry, image.repository, image.digest)
        copies = self.settings.policy.copy_unmountable
        copy_tree(self.registry, image.repository, image.target, tree, copies=copies)
        attached = copy_attachments(self.registry, image.repository, image.target, image.digest)
        # deleted with the image, and before it
        manifests = tuple(dict.fromkeys((*image.manifests, *attached)))
        return replace(image, step=ImageStep.TAG, manifests=manifests, attempts=0, error="")

    def _tag_image(self, image: RegistryImage) -> RegistryImage:
        given = tag_root(
            self.registry, image.repository, image.target, self._read_image_tree(image), image.tags
        )
        # what was not given stands for another image by now
        kept = tuple(one for one in image.promoted_tags if one not in image.tags)
        return replace(
            image, step=ImageStep.CLEAN, tags=(), promoted_tags=(*kept, *given), attempts=0, error=""
        )

    def _read_image_tree(self, image: RegistryImage) -> ImageTree:
        try:
            return read_tree(self.registry, image.repository, image.digest)
        except ImageNotFoundError:
            return read_tree(self.registry, image.target, image.digest)

    def _clean_up_quarantine(self, image: RegistryImage) -> RegistryImage:
        digests = image.manifests or (image.digest,)
        if self._has_waiting_images(image):
            digests = (image.digest,)
        removed = delete_quarantined_images(self.registry, image.repository, digests)
        return replace(image, step=ImageStep.FINISH, removed=removed, attempts=0, error="")

    def _has_waiting_images(self, image: RegistryImage) -> bool:
        """Return whether another image of the repository is under way, which may be made of the same parts."""
        with self.state.reading() as session:
            return self.state.registry_images.has_waiting_images(session, image)

    def _finish_examination(self, image: RegistryImage) -> RegistryImage:
        if image.target and image.verdict == "promote" and image.tags:  # pushed while the last was cleaned
            return replace(image, step=ImageStep.EXAMINE, attempts=0, error="")
        return replace(image, status=decide_final_status(image), attempts=0, error="")

    def _record_failure(self, image: RegistryImage, error: ImageError) -> RegistryImage:
        """Return an image whose step is tried again later; what a registry refuses for long is held, with the reason."""
        image = without_unfinished(image)
        attempts = image.attempts + 1
        _LOG.warning("%s of %s: %s: %s", image.name, image.registry, image.step.value, error)
        if isinstance(error, PromotionError) or (_is_refusal(error) and attempts >= _MOST_REFUSALS):
            return self._hold_for_review(image, error)
        wait = min(_FIRST_WAIT * 2 ** min(attempts - 1, 20), _LONGEST_WAIT)
        return replace(image, attempts=attempts, error=str(error)[:2000], due=self.clock() + wait)

    def _hold_for_review(self, image: RegistryImage, error: ImageError) -> RegistryImage:
        """Return an image that waits for a person; one that cannot be read counts as examined until it is due again."""
        reason = VerdictReason(kind="promotion", key=image.step.value, effect="hold", text=str(error))
        others = (
            one for one in image.reasons if (one.get("kind"), one.get("key")) != ("promotion", reason.key)
        )
        held = replace(
            image, status=ImageStatus.HELD, step=ImageStep.EXAMINE, verdict="hold", attempts=0, error=str(error),
            reasons=(*others, msgspec.to_builtins(reason)),
        )  # fmt: skip
        if image.step != ImageStep.EXAMINE:
            return held
        summary = {**(image.summary or {}), "previousVerdict": image.verdict}
        return replace(
            held, summary=summary, examined=self.clock(), generation=self.examiner.generation,
            target=self.settings.get_promotion_target(image.repository),
        )  # fmt: skip

    def _keep_changed_image(self, before: RegistryImage, changed: RegistryImage) -> RegistryImage:
        """Keep what a step came to, with what was pushed meanwhile, and the rows that tell of an end."""
        images, running = self.state.registry_images, self._find_running_images(changed)
        with self.state.transaction(product=PRODUCT) as session:
            self.lease.check(session)
            now = images.find(session, before.registry, before.repository, before.digest)
            if now is None:
                return replace(changed, status=ImageStatus.GONE)
            kept = images.put(session, with_pushed_meanwhile(before, now, changed, self.clock()))
            if before.step is ImageStep.EXAMINE:
                images.forget_index_parts(session, kept)
            if kept.status is not ImageStatus.QUEUED and is_notable_outcome(kept):
                self._record_outcome(session, kept, running)
        return kept

    def _find_running_images(self, image: RegistryImage) -> list[str]:
        """Return the ids of what is known to run an image that fails, by listings that are not too old."""
        if image.status is not ImageStatus.FAILED:
            return []
        parts = {image.digest, *image.manifests}
        since = self.clock() - LISTING_HOLDS
        return [
            one.resource_id
            for one in self.state.inventories.list_listings()
            if _REGISTRIES not in one.resource_id
            and one.listed_at >= since
            and not parts.isdisjoint(one.digests)
        ]

    def _record_outcome(self, session: Session, image: RegistryImage, running: list[str]) -> None:
        row = build_verdict_row(self.watched, image, self.clock(), running)
        self.state.outbox.add(session, self.watched.workspace, VERDICTS_TABLE, row)
        if image.status is ImageStatus.PROMOTED:
            self._track_promoted(session, image)

    def _track_promoted(self, session: Session, image: RegistryImage) -> None:
        """Have the image examined where it was promoted to, as again and again from now on: its layers are known by then."""
        images = self.state.registry_images
        known = images.find(session, image.registry, image.target, image.digest)
        tags = tuple(dict.fromkeys((*(known.tags if known else ()), *image.promoted_tags)))
        promoted = replace(
            image,
            repository=image.target,
            target="",
            tags=tags,
            promoted_tags=(),
            removed=False,
            received=self.clock(),
        )
        images.put(session, requeue_image(promoted, "promotion", self.clock()))


def _is_refusal(error: ImageError) -> bool:
    """Return whether a registry answered, and said no."""
    return not isinstance(error, RegistryUnreachableError | ImageDeniedError)
