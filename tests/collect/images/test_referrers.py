"""Referrers as registries list them, or do not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.collect.images.image_builder import digest_of
from tests.collect.images.test_registry import StandIn, stand_in

from nephoscope.collect.images.errors import RegistryUnreachableError
from nephoscope.collect.images.referrers import list_referrers
from nephoscope.collect.images.registry import Registry
from nephoscope.protect.registry.image_attachments import read_attachments

if TYPE_CHECKING:
    from typing import Any

__all__ = ["stand_in"]

DIGEST = "sha256:" + "b" * 64
PATH = f"/v2/a/referrers/{DIGEST}"
TAG = "sha256-" + "b" * 64


def index(*digests: str) -> bytes:
    return json.dumps(
        {"schemaVersion": 2, "manifests": [{"digest": one, "size": 1} for one in digests]}
    ).encode()


def manifest(name: str) -> bytes:
    config = {"digest": "sha256:" + "0" * 64, "mediaType": "application/vnd.oci.empty.v1+json"}
    return json.dumps(
        {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "artifactType": name,
         "config": config, "layers": []}
    ).encode()  # fmt: skip


ANSWERS: dict[str, tuple[list[tuple[int, dict[str, str], bytes]], list[str] | None]] = {
    "two": ([(200, {}, index("sha256:" + "1" * 64, "sha256:" + "2" * 64))], ["sha256:" + "1" * 64, "sha256:" + "2" * 64]),
    "none": ([(200, {}, index())], []),
    "two pages": (
        [(200, {"Link": f'<{PATH}?n=1&last=x>; rel="next"'}, index("sha256:" + "1" * 64)), (200, {}, index("sha256:" + "2" * 64))],
        ["sha256:" + "1" * 64, "sha256:" + "2" * 64],
    ),
    "no such place": ([(404, {}, b"")], None),
    "no such method": ([(405, {}, b"")], None),
    "refused": ([(403, {}, b"")], None),
    "a page for people": ([(200, {}, b"<html>")], None),
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
def test_referrers(stand_in: tuple[str, type[StandIn]], name: str) -> None:
    host, answers = stand_in
    answers.answers = {PATH: list(ANSWERS[name][0])}
    wanted = ANSWERS[name][1]
    with Registry(host) as registry:
        found = list_referrers(registry, "a", DIGEST)
    assert (found if found is None else [one.digest for one in found]) == wanted


def test_a_registry_that_is_away_lists_nothing_and_says_so(stand_in: tuple[str, type[StandIn]]) -> None:
    host, answers = stand_in
    answers.answers = {PATH: [(503, {}, b"")]}
    with Registry(host, tries=0) as registry, pytest.raises(RegistryUnreachableError):
        list_referrers(registry, "a", DIGEST)


@pytest.mark.parametrize("has_list", [True, False])
def test_attachments_of_a_list_or_of_the_tag_in_its_place(
    stand_in: tuple[str, type[StandIn]], has_list: bool
) -> None:
    host, answers = stand_in
    one, two = manifest("one"), manifest("two")
    listed = (200, {}, index(digest_of(one)))
    tagged = (200, {"Content-Type": "application/vnd.oci.image.index.v1+json"}, listed[2])
    gone: list[Any] = [(404, {}, b"")]
    answers.answers = {
        PATH: [listed] if has_list else gone,
        f"/v2/a/manifests/{digest_of(one)}": [(200, {}, one)],
        f"/v2/a/manifests/{TAG}": gone if has_list else [tagged],
        f"/v2/a/manifests/{TAG}.att": [(200, {}, two)],
        f"/v2/a/manifests/{TAG}.sig": gone,
        f"/v2/a/manifests/{TAG}.sbom": gone,
    }  # fmt: skip
    with Registry(host) as registry:
        found = read_attachments(registry, "a", DIGEST)
    assert sorted(each.manifest.artifact_type for each in found) == ["one", "two"]
    assert answers.asked[0][0] == PATH
