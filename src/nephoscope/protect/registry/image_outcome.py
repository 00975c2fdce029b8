"""Image outcome: what an image ends with, whether that is news, and what was pushed meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from nephoscope.state.registries.registry_images import ImageStatus, ImageStep, RegistryImage


def mark_image_removed(image: RegistryImage) -> RegistryImage:
    """Return an image that its repository does not have any more."""
    return replace(image, status=ImageStatus.GONE, attempts=0, error="it is not in its repository any more")


def decide_final_status(image: RegistryImage) -> ImageStatus:
    """Return the status that an image ends with, by its verdict and whether it has a target."""
    if not image.target:
        return ImageStatus.PASSED if image.verdict == "promote" else ImageStatus.FAILED
    if image.verdict == "promote":
        return ImageStatus.PROMOTED
    return ImageStatus.REJECTED if image.verdict == "reject" else ImageStatus.HELD


def list_accepted_reasons(image: RegistryImage) -> frozenset[tuple[str, str]]:
    """Return the reasons (kind, key) that a person has let pass for an image."""
    return frozenset((str(kind), str(key)) for kind, key in (image.summary or {}).get("accepted", ()))


def is_notable_outcome(image: RegistryImage) -> bool:
    """Return whether an end is to be told: one that is as before is not, where nobody asked for it."""
    same = (image.summary or {}).get("previousVerdict") == image.verdict
    return not (same and image.origin in ("rescan", "pull", "promotion"))


def with_pushed_meanwhile(
    before: RegistryImage, now: RegistryImage, changed: RegistryImage, when: datetime
) -> RegistryImage:
    """Return what a step came to, with the tags that were pushed while it was under way: they are another round."""
    pushed = tuple(one for one in now.tags if one not in before.tags)
    if not pushed:
        return changed
    merged = replace(changed, tags=(*changed.tags, *pushed))
    if changed.status in (ImageStatus.QUEUED, ImageStatus.HELD, ImageStatus.PASSED, ImageStatus.FAILED):
        if changed.step is not ImageStep.CLEAN:
            return merged
        return replace(merged, step=ImageStep.TAG)
    return replace(merged, status=ImageStatus.QUEUED, step=ImageStep.EXAMINE, due=when)
