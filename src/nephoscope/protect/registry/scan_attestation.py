"""Attests what an examination found: an in-toto statement on an image, signed with the server's key and put beside the image.

Source: in-toto predicate vulns 0.1; DSSE 1.0; cosign's tag `sha256-DIGEST.att`, whose manifest has a layer an envelope.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from io import BytesIO

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from nephoscope.collect.images.digest import compute_sha256_digest
from nephoscope.collect.images.documents import Descriptor, ImageManifest, decode_document
from nephoscope.collect.images.errors import ImageError, ImageNotFoundError
from nephoscope.collect.images.registry import Registry
from nephoscope.collect.images.registry_writing import has_blob, put_manifest, upload_blob
from nephoscope.protect.registry.attestations import (
    ENVELOPE_TYPE,
    STATEMENT_TYPE,
    encode_pre_authentication,
)
from nephoscope.protect.registry.verdicts import ImageVerdict, PlatformExamination

PREDICATE = "https://in-toto.io/attestation/vulns/v0.1"
#: The credential that holds the key.
KEY_NAME = "registry-attestations"
_STATEMENT = "https://in-toto.io/Statement/v1"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIGURATION = "application/vnd.oci.image.config.v1+json"
#: An annotation of our own layer, by which the next replaces it.
_OURS = "dev.nephoscope.attestation"


def scan_statement(
    name: str,
    digest: str,
    images: Sequence[PlatformExamination],
    judged: ImageVerdict,
    scanner: str,
    generation: int,
    began: datetime,
    ended: datetime,
) -> dict[str, object]:
    """Return the statement on an image by its name and digest; `scanner` is our version, `generation` that of the advisories.

    What was not assessed is counted in it, so that an empty result says no more than it knows.
    """
    assessments = [one for image in images for one in image.assessments]
    findings = {one.id: one for each in assessments for one in each.findings}
    results = [
        {"id": id_, "severity": [{"method": "nephoscope", "score": one.severity}]}
        for id_, one in sorted(findings.items())
    ]
    algorithm, _, value = digest.partition(":")
    return {
        "_type": _STATEMENT,
        "subject": [{"name": name, "digest": {algorithm: value}}],
        "predicateType": PREDICATE,
        "predicate": {
            "scanner": {
                "uri": f"pkg:pypi/nephoscope@{scanner}", "version": scanner, "db": {"version": str(generation)}, "result": results,
            },
            "metadata": {"scanStartedOn": _format_time(began), "scanFinishedOn": _format_time(ended)},
            "coverage": {
                "packages": len(assessments),
                "notAssessed": sum(one.status in ("not_assessed", "stale") for one in assessments),
            },
            "verdict": judged.verdict,
        },
    }  # fmt: skip


def seal_statement(statement: dict[str, object], key: str) -> bytes:
    """Return the envelope of a statement, signed with a private key (ECDSA, PEM)."""
    payload = msgspec.json.encode(statement)
    private = load_pem_private_key(key.encode(), None)
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise TypeError("attestations are signed with an ECDSA key")
    signature = private.sign(encode_pre_authentication(STATEMENT_TYPE, payload), ec.ECDSA(SHA256()))
    return msgspec.json.encode(
        {
            "payloadType": STATEMENT_TYPE,
            "payload": base64.b64encode(payload).decode(),
            "signatures": [{"sig": base64.b64encode(signature).decode()}],
        }
    )


def attach_envelope(registry: Registry, repository: str, digest: str, envelope: bytes) -> None:
    """Put an envelope beside an image, in place of our own of before; those of others stay. Raises ImageError."""
    tag = f"{digest.replace(':', '-', 1)}.att"
    layer = Descriptor(
        compute_sha256_digest(envelope), ENVELOPE_TYPE, len(envelope), annotations={
            "predicateType": PREDICATE, "dev.cosignproject.cosign/signature": "", _OURS: "vulns",
        },
    )  # fmt: skip
    layers = [
        *(one for one in _list_layers(registry, repository, tag) if _OURS not in one.annotations),
        layer,
    ]
    described = {
        "architecture": "", "os": "", "config": {}, "created": "0001-01-01T00:00:00Z",
        "rootfs": {"type": "layers", "diff_ids": [one.digest for one in layers]},
    }  # fmt: skip
    configuration = msgspec.json.encode(described)
    config = Descriptor(compute_sha256_digest(configuration), _CONFIGURATION, len(configuration))
    for one, content in ((layer, envelope), (config, configuration)):
        if not has_blob(registry, repository, one.digest):
            upload_blob(registry, repository, one, BytesIO(content))
    manifest = {
        "schemaVersion": 2, "mediaType": _MANIFEST, "config": _describe_descriptor(config),
        "layers": [_describe_descriptor(one) for one in layers],
    }  # fmt: skip
    put_manifest(registry, repository, tag, msgspec.json.encode(manifest), _MANIFEST)


def _list_layers(registry: Registry, repository: str, tag: str) -> tuple[Descriptor, ...]:
    """Return what is attached already; raises ImageError where that is no manifest with envelopes, which is not ours to replace."""
    try:
        content, _ = registry.read_manifest(repository, tag)
    except ImageNotFoundError:
        return ()
    found = decode_document(content, ImageManifest, tag).layers
    if any(one.media_type != ENVELOPE_TYPE for one in found):
        raise ImageError(
            f"{registry.host}/{repository}:{tag} contains other content than attestations: nothing was written there"
        )
    return found


def _describe_descriptor(one: Descriptor) -> dict[str, object]:
    found: dict[str, object] = {"mediaType": one.media_type, "digest": one.digest, "size": one.size}
    return {**found, "annotations": one.annotations} if one.annotations else found


def _format_time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
