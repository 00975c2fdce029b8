"""Attestations of images: in-toto statements in DSSE envelopes, verified with public keys or, keyless, by a trust root that are given.

Source: DSSE 1.0 (the pre-authentication encoding), in-toto Attestation Framework 0.1 and 1.0, SLSA provenance 0.2 and 1.0, cosign's
tag `sha256-DIGEST.att`, Sigstore bundles 0.3.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from nephoscope.collect.images.documents import Descriptor
from nephoscope.collect.images.errors import ImageError, RegistryUnreachableError
from nephoscope.collect.images.registry import Registry
from nephoscope.model.wildcard import matches_wildcard
from nephoscope.protect.registry.image_attachments import MOST, Attachment, read_layer
from nephoscope.protect.registry.keyless import KeylessMaterial, KeylessTrust, find_signers, read_document
from nephoscope.protect.registry.public_keys import PublicKey, read_public_key, verifies
from nephoscope.protect.registry.signatures import is_keyless, list_keyless_material
from nephoscope.protect.registry.transparency_log_entry import LogEntryDocument, SignedContent

STATEMENT_TYPE = "application/vnd.in-toto+json"
ENVELOPE_TYPE = "application/vnd.dsse.envelope.v1+json"
_BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_STATEMENTS = ("https://in-toto.io/Statement/v0.1", "https://in-toto.io/Statement/v1")
PROVENANCE = "provenance"
#: What a policy may ask for by a short name, with the predicate types that are it.
PREDICATES: Mapping[str, tuple[str, ...]] = {
    PROVENANCE: ("https://slsa.dev/provenance",),
    "sbom": ("https://cyclonedx.org/bom", "https://spdx.dev/Document"),
    "vulnerabilities": (
        "https://cosign.sigstore.dev/attestation/vuln",
        "https://in-toto.io/attestation/vulns",
    ),
}
_LONGEST = 500


class EnvelopeSignature(msgspec.Struct, frozen=True):
    """A signature of an envelope; its `keyid` is a hint that nobody relies on."""

    sig: str
    keyid: str = ""


class Envelope(msgspec.Struct, frozen=True, rename="camel"):
    """A DSSE envelope; payload and signatures are base64."""

    payload_type: str
    payload: str
    signatures: tuple[EnvelopeSignature, ...] = ()


class _Certificate(msgspec.Struct, frozen=True, rename="camel"):
    raw_bytes: str = ""


class _Material(msgspec.Struct, frozen=True, rename="camel"):
    certificate: _Certificate = _Certificate()
    tlog_entries: tuple[LogEntryDocument, ...] = ()


class _AttestationBundle(msgspec.Struct, frozen=True, rename="camel"):
    dsse_envelope: Envelope | None = None
    verification_material: _Material = _Material()


class _Subject(msgspec.Struct, frozen=True):
    digest: dict[str, str] = {}


class _Statement(msgspec.Struct, frozen=True, rename="camel"):
    predicate_type: str
    type: str = msgspec.field(name="_type", default="")
    subject: tuple[_Subject, ...] = ()
    predicate: msgspec.Raw = msgspec.Raw(b"null")


class _ProvenanceBuilder(msgspec.Struct, frozen=True):
    id: str = ""


class _RunDetails(msgspec.Struct, frozen=True):
    builder: _ProvenanceBuilder = _ProvenanceBuilder()


class _Provenance(msgspec.Struct, frozen=True, rename="camel"):
    """SLSA provenance: `builder` stands at the top before 1.0, and in the details of the run since."""

    builder: _ProvenanceBuilder = _ProvenanceBuilder()
    run_details: _RunDetails = _RunDetails()


@dataclass(frozen=True, slots=True)
class ImageAttestation:
    """A statement on an image that some of the given keys and identities signed, by name; `builder` is of a provenance alone."""

    predicate_type: str
    keys: tuple[str, ...]
    builder: str = ""

    def has_predicate_type(self, wanted: str) -> bool:
        """Return whether it is of a type: a short name of PREDICATES, or a predicate type with or without its version."""
        return any(
            self.predicate_type == one or self.predicate_type.startswith(f"{one}/")
            for one in PREDICATES.get(wanted, (wanted.rstrip("/"),))
        )

    def to_shown_values(self) -> dict[str, object]:
        """Return it as it is shown in a verdict."""
        found: dict[str, object] = {"predicateType": self.predicate_type, "keys": list(self.keys)}
        return {**found, "builder": self.builder} if self.builder else found


def encode_pre_authentication(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes that a signature of an envelope is over."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


@dataclass(frozen=True, slots=True)
class SealedStatement:
    """An envelope, with the certificates and entries of a log that came with it; `is_keyless` where there are any, readable or not."""

    envelope: Envelope
    materials: tuple[KeylessMaterial, ...] = ()
    is_keyless: bool = False


@dataclass(frozen=True, slots=True)
class VerifiedAttestations:
    """The attestations of an image that count; `unverified` is how many keyless ones could not be verified."""

    found: tuple[ImageAttestation, ...]
    unverified: int = 0


def verify_attestations(
    registry: Registry,
    repository: str,
    digest: str,
    attached: Iterable[Attachment],
    keys: Mapping[str, str],
    trust: KeylessTrust | None = None,
) -> VerifiedAttestations:
    """Return the statements among what is attached to an image that name it and that keys or identities, by their names, signed.

    What cannot be read counts as none. Raises RegistryUnreachableError, PublicKeyError.
    """
    known = {name: read_public_key(text) for name, text in keys.items()}
    found: dict[ImageAttestation, None] = {}
    unverified = 0
    for sealed in _list_envelopes(registry, repository, attached):
        one = verify_envelope(sealed.envelope, digest, known, trust, sealed.materials)
        if one is not None:
            found[one] = None
        unverified += sealed.is_keyless and one is None
    return VerifiedAttestations(tuple(found), unverified)


def verify_envelope(
    envelope: Envelope,
    digest: str,
    keys: Mapping[str, PublicKey],
    trust: KeylessTrust | None = None,
    materials: Sequence[KeylessMaterial] = (),
) -> ImageAttestation | None:
    """Return the statement of an envelope, None where no key or identity signed it or where it is not about the image."""
    try:
        payload = _decode_base64(envelope.payload)
        signatures = [_decode_base64(one.sig) for one in envelope.signatures[:MOST]]
    except (binascii.Error, ValueError):
        return None
    signed = encode_pre_authentication(envelope.payload_type, payload)
    by_keys = {name for name, key in keys.items() if any(verifies(key, one, signed) for one in signatures)}
    contents = [SignedContent(payload, signed, one, in_envelope=True) for one in signatures]
    by_identities = (find_signers(trust, one, materials) for one in contents)
    names = tuple(sorted(by_keys.union(*by_identities)))
    if not names or envelope.payload_type != STATEMENT_TYPE:
        return None
    try:
        statement = msgspec.json.decode(payload, type=_Statement)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    algorithm, _, value = digest.partition(":")
    if statement.type not in _STATEMENTS or not any(
        one.digest.get(algorithm) == value for one in statement.subject
    ):
        return None
    made = ImageAttestation(statement.predicate_type[:_LONGEST], names)
    return (
        ImageAttestation(made.predicate_type, names, _read_builder(statement))
        if made.has_predicate_type(PROVENANCE)
        else made
    )


def find_missing_attestations(
    found: Sequence[ImageAttestation], wanted: Sequence[str], builders: Sequence[str]
) -> list[tuple[str, str]]:
    """Return what of the wanted types, and of provenance by wanted builders (`*` stands for any text), is missing: key and text."""
    missing = [
        (one, f"it has no attestation of the type {one} that a key of its registry signed")
        for one in wanted
        if not any(each.has_predicate_type(one) for each in found)
    ]
    named = [one.builder for one in found if one.has_predicate_type(PROVENANCE)]
    if builders and not any(matches_wildcard(name, one) for name in named for one in builders):
        problem = (
            f"it was built by {', '.join(one or 'nobody named' for one in named)}"
            if named
            else "nobody attests its builder"
        )
        missing.append(("builder", f"{problem}: the policy wants {' or '.join(builders)}"))
    return missing


def _list_envelopes(
    registry: Registry, repository: str, attached: Iterable[Attachment]
) -> Iterator[SealedStatement]:
    for one in attached:
        for layer in one.manifest.layers[:MOST]:
            if layer.media_type not in (ENVELOPE_TYPE, _BUNDLE_TYPE):
                continue
            try:
                sealed = _read_statement(read_layer(registry, repository, layer), layer)
            except RegistryUnreachableError:
                raise
            except (ImageError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                continue
            if sealed is not None:
                yield sealed


def _read_statement(content: bytes, layer: Descriptor) -> SealedStatement | None:
    if layer.media_type != _BUNDLE_TYPE:
        envelope = msgspec.json.decode(content, type=Envelope)
        return SealedStatement(envelope, tuple(list_keyless_material(layer)), is_keyless(layer))
    bundle = msgspec.json.decode(content, type=_AttestationBundle)
    if bundle.dsse_envelope is None:
        return None
    material = bundle.verification_material
    several = (read_document(material.certificate.raw_bytes, one) for one in material.tlog_entries[:MOST])
    materials = tuple(one for one in several if one is not None)
    return SealedStatement(bundle.dsse_envelope, materials, bool(material.certificate.raw_bytes))


def _decode_base64(text: str) -> bytes:
    """Return the bytes of a base64 text, of either alphabet as DSSE lets it be."""
    return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)


def _read_builder(statement: _Statement) -> str:
    try:
        found = msgspec.json.decode(statement.predicate, type=_Provenance)
    except (msgspec.DecodeError, RecursionError):
        return ""
    return (found.run_details.builder.id or found.builder.id)[:_LONGEST]
