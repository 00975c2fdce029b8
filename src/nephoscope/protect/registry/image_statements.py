"""Image statements: signatures and attestations by trusted keys, and those that the policy misses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from nephoscope.collect.images.registry import Registry
from nephoscope.protect.registry.attestations import (
    ImageAttestation,
    find_missing_attestations,
    verify_attestations,
)
from nephoscope.protect.registry.image_attachments import read_attachments
from nephoscope.protect.registry.keyless import KeylessTrust
from nephoscope.protect.registry.registry_settings import RegistrySettings
from nephoscope.protect.registry.signatures import VerifiedSigners, verify_signatures
from nephoscope.protect.registry.trust_root import read_trust_root
from nephoscope.protect.registry.verdicts import ImageProblem

#: The statement that cosign makes to sign an image since its version 3.
_SIGNING = "https://sigstore.dev/cosign/sign/v1"


@dataclass(frozen=True, slots=True)
class ImageEvidence:
    """The names of the keys and identities that signed an image, the attestations that they signed, and what is missing.

    `unverified` is how many keyless signatures and attestations could not be verified.
    """

    signed: frozenset[str] = frozenset()
    attestations: tuple[ImageAttestation, ...] = ()
    problems: tuple[ImageProblem, ...] = ()
    unverified: int = 0

    def to_shown_values(self) -> dict[str, object]:
        """Return what is shown of it: nothing where nothing is stated."""
        found: dict[str, object] = {}
        if self.signed:
            found["signedBy"] = sorted(self.signed)
        if self.attestations:
            found["attestations"] = [one.to_shown_values() for one in self.attestations]
        if self.unverified:
            found["notVerified"] = self.unverified
        return found


def read_image_evidence(
    registry: Registry, settings: RegistrySettings, repository: str, digest: str
) -> ImageEvidence:
    """Return what is stated on an image by keys and identities of a registry's settings; nothing is asked where there are none.

    Raises ImageError.
    """
    if not settings.signer_names:
        return ImageEvidence()
    trust = (
        KeylessTrust(read_trust_root(settings.trust_root), settings.identities)
        if settings.trust_root
        else None
    )
    attached = read_attachments(registry, repository, digest)
    signatures = verify_signatures(registry, repository, digest, attached, settings.keys, trust)
    attested = verify_attestations(registry, repository, digest, attached, settings.keys, trust)
    statements = tuple(one for one in attested.found if one.predicate_type != _SIGNING)
    signed = signatures.names.union(*(one.keys for one in attested.found if one.predicate_type == _SIGNING))
    unverified = signatures.unverified + attested.unverified
    missing = _list_missing_evidence(
        settings, replace(signatures, names=signed, unverified=unverified), statements
    )
    return ImageEvidence(signed, statements, tuple(missing), unverified)


def _list_missing_evidence(
    settings: RegistrySettings, signers: VerifiedSigners, attested: tuple[ImageAttestation, ...]
) -> Iterable[ImageProblem]:
    policy, signed = settings.policy, signers.names
    unverified = signers.unverified
    aside = f"; {unverified} keyless statements on it were not verified" if unverified else ""
    if len(signed) < policy.signatures:
        by = f" (by {', '.join(sorted(signed))})" if signed else ""
        text = f"it has {len(signed)} of {policy.signatures} signatures{by}"
        yield ImageProblem(kind="signature", key="", text=f"{text}{_explain_uncounted(signers)}{aside}")
    for key, text in find_missing_attestations(attested, policy.attestations, policy.builders):
        yield ImageProblem(kind="attestation", key=key, text=text + aside)


def _explain_uncounted(signers: VerifiedSigners) -> str:
    """Return why signatures that are there do not count, '' where there are none."""
    foreign = f"; signatures by keys that the registry does not know: {signers.foreign}"
    misplaced = f"; signatures that name another image: {signers.misplaced}"
    return (foreign if signers.foreign else "") + (misplaced if signers.misplaced else "")
