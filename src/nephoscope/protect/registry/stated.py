"""What is stated on an image by the keys of its registry, and what its policy misses of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nephoscope.collect.images.registry import Registry
from nephoscope.protect.registry.attachments import read_attachments
from nephoscope.protect.registry.attestations import Attestation, missing_attestations, verify_attestations
from nephoscope.protect.registry.image_policy import ImagePolicy
from nephoscope.protect.registry.registry_settings import RegistrySettings
from nephoscope.protect.registry.signatures import verify_signatures
from nephoscope.protect.registry.verdicts import ImageProblem


@dataclass(frozen=True, slots=True)
class StatedOnImage:
    """The names of the keys that signed an image, the attestations that they signed, and what is missing."""

    signed: frozenset[str] = frozenset()
    attestations: tuple[Attestation, ...] = ()
    problems: tuple[ImageProblem, ...] = ()

    def told(self) -> dict[str, object]:
        """Return what is shown of it: nothing where nothing is stated."""
        found: dict[str, object] = {}
        if self.signed:
            found["signedBy"] = sorted(self.signed)
        if self.attestations:
            found["attestations"] = [one.told() for one in self.attestations]
        return found


def read_stated(
    registry: Registry, settings: RegistrySettings, repository: str, digest: str
) -> StatedOnImage:
    """Return what the keys of a registry's settings state on an image; nothing is asked where there are none. Raises ImageError."""
    if not settings.keys:
        return StatedOnImage()
    attached = read_attachments(registry, repository, digest)
    signed = verify_signatures(registry, repository, digest, attached, settings.keys)
    attested = verify_attestations(registry, repository, digest, attached, settings.keys)
    return StatedOnImage(signed, tuple(attested), tuple(_missing(settings.policy, signed, attested)))


def _missing(
    policy: ImagePolicy, signed: frozenset[str], attested: list[Attestation]
) -> Iterable[ImageProblem]:
    if len(signed) < policy.signatures:
        by = f" (by {', '.join(sorted(signed))})" if signed else ""
        text = f"it has {len(signed)} of {policy.signatures} signatures{by}"
        yield ImageProblem(kind="signature", key="", text=text)
    for key, text in missing_attestations(attested, policy.attestations, policy.builders):
        yield ImageProblem(kind="attestation", key=key, text=text)
