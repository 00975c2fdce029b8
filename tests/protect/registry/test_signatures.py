"""Signatures of images in a real registry, by every kind of key, and those that count for nothing."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.collect.images.image_builder import digest_of
from tests.collect.images.registry_server import running_registry
from tests.protect.registry.quarantine import FIXED, Watched, advisory, push_new, system, watching

from nephoscope.collect.images.documents import Descriptor
from nephoscope.collect.images.registry import Registry
from nephoscope.collect.images.registry_writing import find_manifest, put_manifest, upload_blob
from nephoscope.protect.registry.image_attachments import read_attachments
from nephoscope.protect.registry.public_keys import PublicKeyError, read_public_key
from nephoscope.protect.registry.signatures import VerifiedSigners, verify_signatures
from nephoscope.state.registries.registry_images import ImageStatus

pytestmark = pytest.mark.system

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
ECDSA, RSA, ED25519 = (
    ec.generate_private_key(ec.SECP256R1()),
    rsa.generate_private_key(65537, 2048),
    ed25519.Ed25519PrivateKey.generate(),
)


def sign(key: Any, payload: bytes) -> bytes:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(payload, ec.ECDSA(SHA256()))
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(payload, padding.PKCS1v15(), SHA256())
    signature: bytes = key.sign(payload)
    return signature


def public(key: Any) -> str:
    pem: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem.decode()


def upload(registry: Registry, repository: str, content: bytes) -> Descriptor:
    from io import BytesIO

    found = Descriptor(digest_of(content), size=len(content))
    upload_blob(registry, repository, found, BytesIO(content))
    return found


def attach(
    registry: Registry, repository: str, digest: str, key: Any, named: str = "", spoiled: bool = False
) -> None:
    """Sign an image as cosign does; the payload may name another image, or be another than what was signed."""
    payload = json.dumps(
        {"critical": {"identity": {"docker-reference": repository}, "image": {"docker-manifest-digest": named or digest},
                      "type": "cosign container image signature"}, "optional": None}
    ).encode()  # fmt: skip
    signature = base64.b64encode(sign(key, payload + b" " if spoiled else payload)).decode()
    layer, config = upload(registry, repository, payload), upload(registry, repository, b"{}")
    manifest = {
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config.digest, "size": 2},
        "layers": [{
            "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json", "digest": layer.digest, "size": layer.size,
            "annotations": {"dev.cosignproject.cosign/signature": signature},
        }],
    }  # fmt: skip
    tag = digest.replace(":", "-") + ".sig"
    put_manifest(registry, repository, tag, json.dumps(manifest).encode(), MANIFEST)


def signers(registry: Registry, repository: str, digest: str, keys: dict[str, str]) -> frozenset[str]:
    return verified(registry, repository, digest, keys).names


def verified(registry: Registry, repository: str, digest: str, keys: dict[str, str]) -> VerifiedSigners:
    attached = read_attachments(registry, repository, digest)
    return verify_signatures(registry, repository, digest, attached, keys)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_registry(tmp_path_factory.mktemp("registry")) as found:
        yield found


@pytest.mark.parametrize("key", [ECDSA, RSA, ED25519], ids=["ecdsa", "rsa", "ed25519"])
def test_who_signed(host: str, key: Any) -> None:
    keys = {"ecdsa": public(ECDSA), "rsa": public(RSA), "ed25519": public(ED25519)}
    digest = "sha256:" + "b" * 64
    name = next(one for one, text in keys.items() if text == public(key))
    with Registry(host) as registry:
        attach(registry, f"signed/{name}", digest, key)
        assert signers(registry, f"signed/{name}", digest, keys) == {name}
        assert signers(registry, f"signed/{name}", "sha256:" + "c" * 64, keys) == set()
        attach(registry, f"signed/other-{name}", digest, key, named="sha256:" + "c" * 64)
        other = verified(registry, f"signed/other-{name}", digest, keys)
        assert other == VerifiedSigners(frozenset(), misplaced=1)
        attach(registry, f"signed/spoiled-{name}", digest, key, spoiled=True)
        spoiled = verified(registry, f"signed/spoiled-{name}", digest, keys)
        assert spoiled == VerifiedSigners(frozenset(), foreign=1)


def test_keys_that_are_none() -> None:
    with pytest.raises(PublicKeyError, match="no public key in PEM"):
        read_public_key("ssh-ed25519 AAAA")
    with pytest.raises(PublicKeyError, match="1024 bits is too short"):
        read_public_key(public(rsa.generate_private_key(65537, 1024)))


def test_an_image_is_held_until_it_is_signed_and_the_signature_goes_with_it(
    host: str, tmp_path: Path
) -> None:
    with watching(tmp_path, host) as house, Registry(host) as registry:
        house.add(keys={"release": public(ECDSA)}, policy={"signatures": 1})
        house.import_advisory(tmp_path / "osv", advisory())
        digest = push_new(registry, tmp_path / "image", "quarantine/signed", "1.0", system(FIXED, "signed"))
        tell(house, digest, "1.0")
        house.look()
        held = house.image("quarantine/signed")
        assert (held.status, held.reasons[0]["kind"]) == (ImageStatus.HELD, "signature")
        attach(registry, "quarantine/signed", digest, ED25519)
        tell(house, digest, digest.replace(":", "-") + ".sig")
        house.look()
        held = house.image("quarantine/signed")
        assert held.status is ImageStatus.HELD
        assert held.reasons[0]["text"] == (
            "it has 0 of 1 signatures; signatures by keys that the registry does not know: 1"
        )
        attach(registry, "quarantine/signed", digest, ECDSA)
        tell(house, digest, digest.replace(":", "-") + ".sig", "again")
        house.look()
        assert house.image("quarantine/signed").status is ImageStatus.PROMOTED
        assert house.image("approved/signed").status is ImageStatus.PASSED
        assert signers(registry, "approved/signed", digest, {"release": public(ECDSA)}) == {"release"}
        assert find_manifest(registry, "quarantine/signed", digest.replace(":", "-") + ".sig") is None


def tell(house: Watched, digest: str, tag: str, id_: str = "") -> None:
    target = {
        "mediaType": MANIFEST,
        "digest": "sha256:" + "d" * 64 if ".sig" in tag else digest,
        "repository": "quarantine/signed",
        "tag": tag,
    }
    house.tell([json.dumps({"events": [{"id": f"{tag}{id_}", "action": "push", "target": target}]}).encode()])
