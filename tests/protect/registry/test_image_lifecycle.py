"""Images in a real registry, from their push into quarantine to their end, and what happens in between."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.collect.images.image_builder import digest_of, make_layout
from tests.collect.images.registry_server import (
    Notified,
    free_port,
    notifying_registry,
    push_layout,
    running_registry,
)
from tests.protect.registry.quarantine import (
    FIXED,
    MAPPING,
    VULNERABLE,
    Watched,
    advisory,
    push,
    push_new,
    system,
    watching,
)

from nephoscope.collect.images.documents import INDEX_TYPES, MANIFEST_TYPES, Descriptor
from nephoscope.collect.images.registry import Registry
from nephoscope.collect.images.registry_writing import (
    delete_manifest,
    find_manifest,
    put_manifest,
    upload_blob,
)
from nephoscope.protect.registry.image_lifecycle import MOST_UNENDED
from nephoscope.protect.registry.registry_settings import read_settings
from nephoscope.protect.registry.verdict_rows import VERDICTS_TABLE
from nephoscope.service.advisories import import_advisories
from nephoscope.service.inventories import keep_image_listing
from nephoscope.service.registries import change_registry, decide_image, request_examination
from nephoscope.state import StateError
from nephoscope.state.ingestion.outbox import OutboxRow
from nephoscope.state.inventory.inventories import ImageListing
from nephoscope.state.registries.registry_images import ImageStatus, ImageStep

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def notified(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notified]:
    with notifying_registry(tmp_path_factory.mktemp("registry")) as found:
        yield found


@pytest.fixture
def house(notified: Notified, tmp_path: Path) -> Iterator[Watched]:
    notified.take()
    with watching(tmp_path, notified.host) as found:
        found.add()
        found.import_advisory(tmp_path / "osv", advisory())
        yield found


@pytest.fixture
def outside(notified: Notified) -> Iterator[Registry]:
    """The registry as others speak to it."""
    with Registry(notified.host) as found:
        yield found


def test_a_good_image_is_promoted_and_no_blob_is_sent(
    house: Watched, notified: Notified, tmp_path: Path
) -> None:
    digest = make_layout(tmp_path / "good", system(FIXED))
    push_layout(tmp_path / "good", f"{notified.host}/quarantine/good:1.0")
    notified.wait("push", digest)
    assert house.tell(notified.take()) == 1
    assert house.look() == 2  # in quarantine, and once more where it was promoted to
    promoted = house.image("quarantine/good")
    assert (promoted.status, promoted.promoted_tags, promoted.removed) == (
        ImageStatus.PROMOTED,
        ("1.0",),
        True,
    )
    with house.connect() as ours:
        head = find_manifest(ours, "approved/good", "1.0")
        assert head
        assert head.digest == digest
        assert find_manifest(ours, "quarantine/good", digest) is None
    notified.wait("delete", digest)
    events = notified.events()
    moved = [one["target"]["digest"] for one in events if one["action"] == "mount"]
    sent = [one for one in events if one["action"] == "push" and "manifest" not in one["target"]["mediaType"]]
    assert (len(moved), sent) == (3, [])
    assert house.kept == [("approved/good", digest, 1)]
    watched = house.image("approved/good")
    assert (watched.status, watched.tags, watched.digest) == (ImageStatus.PASSED, ("1.0",), digest)
    # our own pulls, pushes and deletions ask for nothing
    assert house.tell(notified.take()) == 0
    assert house.look() == 0


def test_a_bad_image_is_rejected_with_its_reason(
    house: Watched, notified: Notified, outside: Registry, tmp_path: Path
) -> None:
    digest = push_new(outside, tmp_path / "bad", "quarantine/bad", "1.0", system(VULNERABLE))
    notified.wait("push", digest)
    house.tell(notified.take())
    house.look()
    bad = house.image("quarantine/bad")
    assert (bad.status, bad.verdict) == (ImageStatus.REJECTED, "reject")
    assert [one["text"] for one in bad.reasons] == ["CVE-2026-1 of libfoo1 1.2-3 is Critical, fixed in 1.2-4"]
    assert find_manifest(outside, "approved/bad", "1.0") is None
    assert find_manifest(outside, "quarantine/bad", "1.0") is not None
    decide_image(house.context, bad.id, "promote", "it runs apart from all others")
    house.look()
    assert house.image("quarantine/bad").status is ImageStatus.PROMOTED
    # what a person let pass does not fail with the next examination
    request_examination(house.context, [house.image("approved/bad").id])
    house.look()
    assert house.image("approved/bad").status is ImageStatus.PASSED


def test_malware_and_secrets_reject_and_no_person_lets_malware_pass(
    house: Watched, outside: Registry, tmp_path: Path
) -> None:
    token = "ghp_" + "".join(("16C7e42F292c69", "12E7710c838347", "Ae178B4a"))
    files = {"usr/bin/tool": b"\x7fELF BAD-PROGRAM", "srv/.env": f"TOKEN={token}\n".encode()}
    layers = [*system(FIXED), files, {"srv/.wh..env": b""}]
    digest = push_new(outside, tmp_path / "mal", "quarantine/mal", "1.0", layers)
    house.tell([pushed("quarantine/mal", digest, "1.0")])
    house.look()
    image = house.image("quarantine/mal")
    assert image.status is ImageStatus.REJECTED
    assert {(one["kind"], one["effect"]) for one in image.reasons} == {
        ("malware", "reject"),
        ("secret", "reject"),
    }
    assert all(token not in str(one) for one in image.reasons)
    with pytest.raises(StateError, match=r"cannot be promoted: A bad program"):
        decide_image(house.context, image.id, "promote", "we trust it")


@pytest.mark.parametrize(
    "step", [ImageStep.EXAMINE, ImageStep.COPY, ImageStep.TAG, ImageStep.CLEAN, ImageStep.FINISH]
)
def test_a_worker_killed_at_a_step_comes_to_the_same_end(
    house: Watched, outside: Registry, tmp_path: Path, step: ImageStep
) -> None:
    repository = f"killed-{step.value.lower()}"
    digest = push_new(
        outside, tmp_path / "image", f"quarantine/{repository}", "1.0", system(FIXED, step.value)
    )
    house.tell([pushed(f"quarantine/{repository}", digest, "1.0")])

    def kill(done: ImageStep) -> None:
        if done is step:
            raise KeyboardInterrupt

    (image,) = house.images()
    with house.connect() as registry, pytest.raises(KeyboardInterrupt):
        house.journey(registry, kill).advance_image(image)
    assert house.image(f"quarantine/{repository}").step is step
    house.look()
    ended = house.image(f"quarantine/{repository}")
    assert (ended.status, ended.promoted_tags, ended.removed) == (ImageStatus.PROMOTED, ("1.0",), True)
    head = find_manifest(outside, f"approved/{repository}", "1.0")
    assert head
    assert head.digest == digest
    assert find_manifest(outside, f"quarantine/{repository}", "1.0") is None


@pytest.mark.full
def test_an_image_that_ends_its_workers_is_held_after_some(
    house: Watched, outside: Registry, tmp_path: Path
) -> None:
    digest = push_new(outside, tmp_path / "image", "quarantine/huge", "1.0", system(FIXED, "huge"))
    house.tell([pushed("quarantine/huge", digest, "1.0")])

    def kill(_: ImageStep) -> None:
        raise KeyboardInterrupt

    for _ in range(MOST_UNENDED):
        with house.connect() as registry, pytest.raises(KeyboardInterrupt):
            house.journey(registry, kill).advance_image(house.image("quarantine/huge"))
    house.look()
    held = house.image("quarantine/huge")
    assert (held.status, held.reasons[0]["kind"]) == (ImageStatus.HELD, "unended")
    assert "ended the worker 3 times" in held.reasons[0]["text"]
    assert find_manifest(outside, "approved/huge", "1.0") is None
    # the nightly examination does not try it again, a person does
    house.later(hours=25)
    house.look()
    assert house.image("quarantine/huge").reasons[0]["kind"] == "unended"
    request_examination(house.context, [held.id])
    house.look()
    assert house.image("quarantine/huge").status is ImageStatus.PROMOTED


def test_a_registry_that_breaks_off_ends_no_worker(house: Watched, outside: Registry, tmp_path: Path) -> None:
    digest = make_layout(tmp_path / "image", system(FIXED, "late"))
    house.tell([pushed("quarantine/late", digest, "1.0")])
    (image,) = house.images()
    with Registry(f"127.0.0.1:{free_port()}", tries=1) as away:
        for _ in range(MOST_UNENDED + 2):
            image = house.journey(away, lambda _: None).advance_image(image)
            house.later(minutes=10)
    assert (image.status, image.attempts) == (ImageStatus.QUEUED, MOST_UNENDED + 2)
    push(outside, tmp_path / "image", "quarantine/late", "1.0")
    house.look()
    assert house.image("quarantine/late").status is ImageStatus.PROMOTED


def test_an_index_is_examined_and_promoted_with_every_machine(
    house: Watched, outside: Registry, tmp_path: Path
) -> None:
    parts = [
        push_new(outside, tmp_path / name, "quarantine/multi", f"part-{name}", system(version, "multi"))
        for name, version in (("amd64", FIXED), ("arm64", VULNERABLE))
    ]
    media_type = "application/vnd.oci.image.manifest.v1+json"
    descriptors = [
        {
            "mediaType": media_type,
            "digest": digest,
            "size": 1,
            "platform": {"os": "linux", "architecture": name},
        }
        for digest, name in zip(parts, ("amd64", "arm64"), strict=True)
    ]
    content = json.dumps({"schemaVersion": 2, "mediaType": INDEX_TYPES[0], "manifests": descriptors}).encode()
    put_manifest(outside, "quarantine/multi", "1.0", content, INDEX_TYPES[0])
    house.tell(
        [pushed("quarantine/multi", digest_of(content), "1.0"), pushed("quarantine/multi", parts[0], "")]
    )
    house.look()
    image = house.image("quarantine/multi")  # the part that was pushed without a tag belongs to it
    assert (image.status, len(image.manifests)) == (ImageStatus.REJECTED, 3)
    decide_image(house.context, image.id, "promote", "for the test")
    house.look()
    for version in (*parts, "1.0"):
        assert find_manifest(outside, "approved/multi", version) is not None
    assert house.image("quarantine/multi").status is ImageStatus.PROMOTED


@pytest.mark.full
def test_a_tag_that_moves_meanwhile_goes_to_the_newer_image(
    house: Watched, outside: Registry, tmp_path: Path
) -> None:
    first = push_new(outside, tmp_path / "first", "quarantine/moved", "1.0", system(FIXED, "first"))
    second = push_new(outside, tmp_path / "second", "quarantine/moved", "1.0", system(FIXED, "second"))
    house.tell([pushed("quarantine/moved", first, "1.0"), pushed("quarantine/moved", second, "1.0")])
    house.look()
    head = find_manifest(outside, "approved/moved", "1.0")
    assert head
    assert head.digest == second
    assert find_manifest(outside, "approved/moved", first) is not None


def put_document(registry: Registry, repository: str, version: str, document: dict[str, object]) -> str:
    """Put a manifest or an index, and return its digest."""
    content = json.dumps(document).encode()
    put_manifest(registry, repository, version, content, str(document["mediaType"]))
    return digest_of(content)


@pytest.mark.full
def test_new_tags_of_what_left_quarantine_are_given_after_an_examination(
    house: Watched, outside: Registry, tmp_path: Path
) -> None:
    digest = push_new(outside, tmp_path / "old", "quarantine/old", "1.0", system(FIXED, "old"))
    house.tell([pushed("quarantine/old", digest, "1.0")])
    house.look()
    assert house.image("quarantine/old").status is ImageStatus.PROMOTED
    house.tell([pushed("quarantine/old", digest, "1.1")])
    house.look()
    assert find_manifest(outside, "approved/old", "1.1") is not None
    house.later(hours=1)
    house.import_advisory(tmp_path / "advisories", advisory(fixed="1.2-9"), published=house.now)
    house.tell([pushed("quarantine/old", digest, "latest")])
    house.look()
    old = house.image("quarantine/old")
    assert (old.status, old.verdict) == (ImageStatus.REJECTED, "reject")
    assert find_manifest(outside, "approved/old", "latest") is None
    decide_image(house.context, old.id, "promote", "it runs apart from all others")
    house.look()
    assert find_manifest(outside, "approved/old", "latest") is not None


@pytest.mark.full
def test_an_attachment_in_quarantine_takes_no_released_signature_away(
    house: Watched, outside: Registry, tmp_path: Path
) -> None:
    digest = push_new(outside, tmp_path / "signed", "quarantine/signed", "1.0", system(FIXED, "signed"))
    tag = f"{digest.replace(':', '-')}.sig"
    put = [
        push_statement(outside, f"{repository}/signed", tag, text)
        for repository, text in (("quarantine", b"junk"), ("approved", b"the release team's"))
    ]
    house.tell([pushed("quarantine/signed", digest, "1.0")])
    house.look()
    assert house.image("quarantine/signed").status is ImageStatus.PROMOTED
    head = find_manifest(outside, "approved/signed", tag)
    assert head
    assert head.digest == put[1]


def told(house: Watched, digest: str) -> list[OutboxRow]:
    """The rows that were told of an image's verdict."""
    with house.state.reading() as session:
        rows = session.query(OutboxRow).filter(OutboxRow.table_name == VERDICTS_TABLE).all()
        return [one for one in rows if digest in str(one.row)]


def push_statement(registry: Registry, repository: str, tag: str, text: bytes) -> str:
    """Push a signature with a content, and return its digest."""
    blobs = [{"mediaType": kind, "digest": digest_of(content), "size": len(content)} for kind, content in (
        ("application/vnd.oci.image.config.v1+json", b"{}"), ("application/vnd.dev.cosign.simplesigning.v1+json", text),
    )]  # fmt: skip
    for blob, content in zip(blobs, (b"{}", text), strict=True):
        upload_blob(
            registry, repository, Descriptor(str(blob["digest"]), size=len(content)), io.BytesIO(content)
        )
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST_TYPES[0], "config": blobs[0], "layers": blobs[1:]}
    return put_document(registry, repository, tag, manifest)


@pytest.mark.parametrize("name", ["Layers", "LAYERS"])
def test_a_manifest_that_others_read_as_another_image_is_held(
    house: Watched, outside: Registry, tmp_path: Path, name: str
) -> None:
    good = push_new(outside, tmp_path / "good", "quarantine/two", "good", system(FIXED, "two"))
    bad = push_new(outside, tmp_path / "bad", "quarantine/two", "bad", system(VULNERABLE, "two"))
    seen, hidden = (json.loads(outside.read_manifest("quarantine/two", one)[0]) for one in (good, bad))
    digest = put_document(outside, "quarantine/two", "1.0", {**seen, name: hidden["layers"]})
    house.tell([pushed("quarantine/two", digest, "1.0")])
    for _ in range(12):
        house.look()
        house.later(minutes=20)
    [image] = [one for one in house.images() if one.digest == digest]
    assert (image.status, len(image.reasons)) == (ImageStatus.HELD, 1)
    assert "which others read as 'layers'" in image.error
    # it is not told again and again
    house.import_advisory(tmp_path / "again", advisory(fixed="1.2-1"), published=house.now)
    for _ in range(12):
        house.look()
        house.later(minutes=20)
    assert len(told(house, digest)) == 1
    delete_manifest(outside, "quarantine/two", digest)  # the registry is that of other tests too
    assert find_manifest(outside, "approved/two", "1.0") is None


@pytest.mark.full
def test_a_layer_that_is_encrypted_is_held_with_the_reason(
    house: Watched, outside: Registry, tmp_path: Path
) -> None:
    plain = push_new(outside, tmp_path / "plain", "quarantine/secret", "plain", system(FIXED, "secret"))
    manifest = json.loads(outside.read_manifest("quarantine/secret", plain)[0])
    manifest["layers"][0]["mediaType"] = "application/vnd.oci.image.layer.v1.tar+gzip+encrypted"
    digest = put_document(outside, "quarantine/secret", "1.0", manifest)
    house.tell([pushed("quarantine/secret", digest, "1.0")])
    house.look()
    image = house.image("quarantine/secret")
    assert image.status is ImageStatus.HELD
    assert any("is encrypted and cannot be examined" in str(one["text"]) for one in image.reasons)
    delete_manifest(outside, "quarantine/secret", digest)


def test_polling_finds_what_no_event_told_of(house: Watched, outside: Registry, tmp_path: Path) -> None:
    change_registry(
        house.context,
        "test",
        settings=read_settings({**MAPPING, "pollingMinutes": 5, "repositories": ["team/*"]}),
    )
    push_new(outside, tmp_path / "polled", "quarantine/polled", "1.0", system(FIXED, "polled"))
    push_new(outside, tmp_path / "past", "team/past", "2.0", system(VULNERABLE, "past"))
    house.look()
    assert house.image("quarantine/polled").status is ImageStatus.PROMOTED
    assert house.image("team/past").status is ImageStatus.FAILED
    house.later(minutes=6)
    assert house.look() == 0
    push(outside, tmp_path / "polled", "quarantine/polled", "1.0")  # the same once more
    house.later(minutes=6)
    house.look()
    assert find_manifest(outside, "quarantine/polled", "1.0") is None


def test_an_image_is_examined_again_when_advisories_change(
    house: Watched, outside: Registry, tmp_path: Path
) -> None:
    house.import_advisory(tmp_path / "osv", {**advisory(), "affected": [other_package()]})
    digest = push_new(outside, tmp_path / "turned", "quarantine/turned", "1.0", system(VULNERABLE, "turned"))
    house.tell([pushed("quarantine/turned", digest, "1.0")])
    house.look()
    assert house.image("quarantine/turned").status is ImageStatus.PROMOTED
    assert house.image("approved/turned").status is ImageStatus.PASSED
    cluster = "/subscriptions/s/resourcegroups/g/providers/microsoft.containerservice/managedclusters/aks"
    keep_image_listing(house.context, ImageListing(cluster, "", house.now, frozenset([digest])))
    house.import_advisory(tmp_path / "osv", advisory())
    house.look()
    assert house.image("approved/turned").status is ImageStatus.FAILED
    with house.state.reading() as session:
        last = session.query(OutboxRow).order_by(OutboxRow.id.desc()).first()
    assert last
    assert isinstance(last.row, dict)
    assert (last.table_name, last.row["IsRunning"], last.row["RunningOn"]) == (
        "ContainerImageVerdicts_CL",
        True,
        [cluster],
    )
    assert (last.row["PreviousVerdict"], last.row["Verdict"]) == ("promote", "reject")


@pytest.mark.full
def test_a_mild_vulnerability_is_held_until_a_catalog_says_that_it_is_not_exploited(
    house: Watched, outside: Registry, tmp_path: Path
) -> None:
    house.import_advisory(tmp_path / "osv", advisory(severity="CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N"))
    digest = push_new(outside, tmp_path / "mild", "quarantine/mild", "1.0", system(VULNERABLE, "mild"))
    house.tell([pushed("quarantine/mild", digest, "1.0")])
    house.look()
    held = house.image("quarantine/mild")
    assert held.status is ImageStatus.HELD
    assert [one["text"] for one in held.reasons] == [
        "whether 1 vulnerability is exploited is unknown: no catalog of exploited vulnerabilities is imported"
    ]
    entry = {"cveID": "CVE-2020-1", "dateAdded": "2020-01-01"}
    catalog = tmp_path / "kev.json"
    catalog.write_text(json.dumps({"catalogVersion": "1", "vulnerabilities": [entry]}))
    import_advisories(house.context, [catalog], "kev", published=house.now)
    house.later(hours=25)
    house.look()
    assert house.image("quarantine/mild").status is ImageStatus.PROMOTED


def test_a_registry_that_is_away_is_asked_until_it_answers(tmp_path: Path) -> None:
    port = free_port()
    with watching(tmp_path, f"127.0.0.1:{port}") as house:
        house.add()
        house.import_advisory(tmp_path / "osv", advisory())
        digest = make_layout(tmp_path / "image", system(FIXED))
        house.tell([pushed("quarantine/away", digest, "1.0")])
        for tries in range(1, 4):
            house.look()
            image = house.image("quarantine/away")
            assert (image.status, image.attempts) == (ImageStatus.QUEUED, tries)
            house.later(minutes=10)
        (tmp_path / "registry").mkdir()
        with running_registry(tmp_path / "registry", port) as host, Registry(host) as registry:
            push(registry, tmp_path / "image", "quarantine/away", "1.0")
            house.look()
        assert house.image("quarantine/away").status is ImageStatus.PROMOTED


def test_what_stands_otherwise_cannot_be_decided(house: Watched, outside: Registry, tmp_path: Path) -> None:
    digest = push_new(outside, tmp_path / "ok", "quarantine/decided", "1.0", system(FIXED, "decided"))
    house.tell([pushed("quarantine/decided", digest, "1.0")])
    with pytest.raises(StateError, match=r"is Queued: only images in quarantine"):
        decide_image(house.context, house.image("quarantine/decided").id, "promote", "now")


def other_package() -> dict[str, object]:
    found: dict[str, object] = advisory()["affected"][0]  # type: ignore[index]
    return {**found, "package": {"ecosystem": "Debian:12", "name": "bar"}}


def pushed(repository: str, digest: str, tag: str, id_: str = "") -> bytes:
    """What Distribution posts of a push."""
    target = {
        "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "repository": repository, "tag": tag,
    }  # fmt: skip
    event = {"id": id_ or f"{repository}{digest}{tag}", "action": "push", "target": target}
    return json.dumps({"events": [event]}).encode()
