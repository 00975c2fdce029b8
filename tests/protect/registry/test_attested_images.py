"""Attestations of images in a real registry: those that a policy wants, and those that the product makes."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.collect.images.registry_server import running_registry
from tests.protect.registry.envelopes import (
    BUILDER,
    SLSA_1,
    built_by,
    sealed,
    statement,
)
from tests.protect.registry.quarantine import FIXED, VULNERABLE, advisory, push_new, system, watching
from tests.protect.registry.test_signatures import ECDSA, MANIFEST, RSA, public, upload

from nephoscope.collect.images.registry import Registry
from nephoscope.collect.images.registry_writing import find_manifest, put_manifest
from nephoscope.protect.registry.attestations import (
    ENVELOPE_TYPE,
    Envelope,
    verify_attestations,
)
from nephoscope.protect.registry.image_attachments import read_attachments
from nephoscope.protect.registry.scan_attestation import PREDICATE
from nephoscope.service.attestation_key import get_attestation_key
from nephoscope.service.registries import request_examination
from nephoscope.state.registries.registry_images import ImageStatus

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_registry(tmp_path_factory.mktemp("registry")) as found:
        yield found


def attach(registry: Registry, repository: str, digest: str, *envelopes: Envelope) -> None:
    """Put envelopes under the tag of an image's attestations, as cosign does."""
    layers = [upload(registry, repository, msgspec.json.encode(one)) for one in envelopes]
    config = upload(registry, repository, b"{}")
    manifest = {
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config.digest, "size": 2},
        "layers": [{"mediaType": ENVELOPE_TYPE, "digest": one.digest, "size": one.size} for one in layers],
    }  # fmt: skip
    put_manifest(
        registry, repository, digest.replace(":", "-") + ".att", json.dumps(manifest).encode(), MANIFEST
    )


def tell(house: Any, repository: str, digest: str, tag: str, id_: str = "") -> None:
    target = {"mediaType": MANIFEST, "digest": digest, "repository": repository, "tag": tag}
    event = {"id": f"{repository}{tag}{id_}", "action": "push", "target": target}
    house.tell([json.dumps({"events": [event]}).encode()])


def test_an_image_waits_for_its_provenance_by_a_wanted_builder(host: str, tmp_path: Path) -> None:
    wanted = {"attestations": ["provenance"], "builders": ["https://github.com/*"]}
    with watching(tmp_path, host) as house, Registry(host) as registry:
        house.add(keys={"release": public(ECDSA)}, policy=wanted)
        house.import_advisory(tmp_path / "osv", advisory())
        digest = push_new(registry, tmp_path / "image", "quarantine/attested", "1", system(FIXED, "attested"))
        tell(house, "quarantine/attested", digest, "1")
        house.look()
        held = house.image("quarantine/attested")
        assert (held.status, [one["key"] for one in held.reasons]) == (
            ImageStatus.HELD,
            ["provenance", "builder"],
        )
        tag = digest.replace(":", "-") + ".att"
        elsewhere = statement(predicate=built_by(SLSA_1, "https://builds.example/one"), digest=digest)
        attach(registry, "quarantine/attested", digest, sealed(elsewhere))
        tell(house, "quarantine/attested", "sha256:" + "d" * 64, tag)
        house.look()
        held = house.image("quarantine/attested")
        assert [one["key"] for one in held.reasons] == ["builder"]
        assert "it was built by https://builds.example/one" in held.reasons[0]["text"]
        attach(registry, "quarantine/attested", digest, sealed(elsewhere), sealed(statement(digest=digest)))
        # a statement that refers to its image is pushed without a tag
        tell(house, "quarantine/attested", "sha256:" + "e" * 64, "", "referrer")
        house.look()
        assert {
            one.status for one in house.images() if one.digest == digest and "quarantine" in one.repository
        } == {ImageStatus.PROMOTED}
        passed = house.image("approved/attested")
        assert passed.status is ImageStatus.PASSED
        assert passed.summary
        assert passed.summary["attestations"][-1] == {
            "predicateType": SLSA_1,
            "keys": ["release"],
            "builder": BUILDER,
        }


def test_what_an_examination_found_is_attested_and_replaced(host: str, tmp_path: Path) -> None:
    with watching(tmp_path, host) as house, Registry(host) as registry:
        house.add(attests=True)
        house.import_advisory(tmp_path / "osv", advisory())
        digest = push_new(registry, tmp_path / "image", "team/tool", "1", system(VULNERABLE, "attests"))
        tell(house, "team/tool", digest, "1")
        house.look()
        tag = digest.replace(":", "-") + ".att"
        # without a key the verdict stands, and nothing is attested
        assert house.image("team/tool").status is ImageStatus.FAILED
        assert find_manifest(registry, "team/tool", tag) is None
        attach(registry, "team/tool", digest, sealed(statement(digest=digest), RSA))
        key = get_attestation_key(house.context)
        assert get_attestation_key(house.context) == key
        for _ in range(2):
            house.later(minutes=1)
            request_examination(house.context, [house.image("team/tool").id])
            house.look()
        (attached,) = read_attachments(registry, "team/tool", digest)
        assert len(attached.manifest.layers) == 2
        found = verify_attestations(
            registry, "team/tool", digest, [attached], {"own": key, "rsa": public(RSA)}
        )
        assert {(one.predicate_type, one.keys) for one in found.found} == {
            (SLSA_1, ("rsa",)),
            (PREDICATE, ("own",)),
        }
        envelope = json.loads(registry.read_blob("team/tool", attached.manifest.layers[-1].digest))
        told = json.loads(base64.b64decode(envelope["payload"]))["predicate"]
        assert [one["id"] for one in told["scanner"]["result"]] == ["CVE-2026-1"]
        assert (told["coverage"], told["verdict"]) == ({"packages": 1, "notAssessed": 0}, "reject")
        assert get_attestation_key(house.context, renew=True) != key
