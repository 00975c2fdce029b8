"""Images that were asked for, copied out of one real registry into the quarantine of another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.collect.images.registry_server import running_registry
from tests.protect.registry.quarantine import FIXED, advisory, push_new, system, watching

from nephoscope.collect.images.registry import Registry
from nephoscope.collect.images.registry_writing import find_manifest
from nephoscope.service.image_requests import answer_request, request_image
from nephoscope.service.local_user import LocalUser
from nephoscope.state.registries.image_requests import RequestStatus
from nephoscope.state.registries.registry_images import ImageStatus

pytestmark = pytest.mark.system


def test_what_is_approved_is_imported_and_goes_through_quarantine(tmp_path: Path) -> None:
    for name in ("public", "ours"):
        (tmp_path / name).mkdir()
    with (
        running_registry(tmp_path / "public") as public,
        running_registry(tmp_path / "ours") as ours,
        Registry(public) as source,
        Registry(ours) as target,
        watching(tmp_path, ours) as house,
    ):
        other = replace(house.context, actor=LocalUser("kim"))
        house.add(requestRegistries=["127.0.0.1:*"])
        house.import_advisory(tmp_path / "osv", advisory())
        digest = push_new(source, tmp_path / "image", "library/app", "2.0", system(FIXED))
        made = request_image(house.context, f"{public}/library/app:2.0", "we need it", "test")
        house.look()
        assert house.images() == []
        answer_request(other, made.id, "approve", "fine")
        house.look()
        kept = house.state.image_requests.get(made.id)
        assert (kept.status, kept.digest, kept.error) == (RequestStatus.IMPORTED, digest, "")
        assert house.image(made.repository).status is ImageStatus.PROMOTED
        head = find_manifest(target, made.repository.replace("quarantine/", "approved/", 1), "2.0")
        assert head
        assert head.digest == digest
        gone = request_image(house.context, f"{public}/library/none:1", "we need it", "test")
        answer_request(other, gone.id, "approve", "fine")
        house.look()
        assert house.state.image_requests.get(gone.id).status is RequestStatus.FAILED
