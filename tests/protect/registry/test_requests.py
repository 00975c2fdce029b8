"""Requests for images: asked, answered by another, imported into quarantine, measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.protect.registry.quarantine import Watched, watching

from nephoscope.service.approvals import OwnRequestError
from nephoscope.service.image_requests import (
    ImageRequestError,
    answer_request,
    measure_answers,
    request_image,
    withdraw_request,
)
from nephoscope.service.local_user import LocalUser
from nephoscope.service.registries import try_registry
from nephoscope.service.service_context import ServiceContext
from nephoscope.state.registries.image_requests import RequestStatus


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Watched]:
    with watching(tmp_path, "127.0.0.1:9") as found:
        found.add(requestRegistries=["docker.io", "127.0.0.1:*"])
        yield found


def other(house: Watched) -> ServiceContext:
    return replace(house.context, actor=LocalUser("kim"))


def test_a_request_is_answered_by_somebody_else_in_time(house: Watched) -> None:
    made = request_image(
        house.context, "nginx:1.27", "the shop needs it", "test", deadline=house.now + timedelta(days=2)
    )
    assert (made.image, made.repository, made.tag) == (
        "docker.io/library/nginx:1.27", "quarantine/docker.io/library/nginx", "1.27",
    )  # fmt: skip
    with pytest.raises(OwnRequestError, match="another user must decide"):
        answer_request(house.context, made.id, "approve", "mine")
    with pytest.raises(ImageRequestError, match="only the requester"):
        withdraw_request(other(house), made.id)
    house.later(hours=3)
    answered = answer_request(other(house), made.id, "deny", "there is one already")
    assert (answered.status, answered.answered_by) == (RequestStatus.DENIED, "os:kim")
    with pytest.raises(ImageRequestError, match="is Denied"):
        answer_request(other(house), made.id, "approve", "after all")
    assert measure_answers(house.context).median_seconds == 3 * 3600


def test_a_request_that_nobody_answers_expires(house: Watched) -> None:
    made = request_image(house.context, "nginx:1.27", "the shop needs it", "test")
    withdrawn = request_image(house.context, "nginx:1.28", "the shop needs it", "test")
    withdraw_request(house.context, withdrawn.id)
    house.later(days=31)
    with pytest.raises(ImageRequestError, match="cannot be answered"):
        answer_request(other(house), made.id, "approve", "late")
    house.look()
    assert house.state.image_requests.get(made.id).status is RequestStatus.EXPIRED
    assert house.state.image_requests.get(withdrawn.id).status is RequestStatus.WITHDRAWN


REFUSED = {
    "another host": ("169.254.169.254/latest/meta-data", "cannot be requested; allowed: docker.io"),
    "no name": ("NGINX Latest", "is not an image name"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_may_not_be_asked_for(house: Watched, name: str) -> None:
    image, why = REFUSED[name]
    with pytest.raises(ImageRequestError, match=why):
        request_image(house.context, image, "because", "test")


def test_a_reason_is_wanted_and_a_deadline_that_is_not_over(house: Watched) -> None:
    with pytest.raises(ImageRequestError, match="reason is required"):
        request_image(house.context, "nginx", " ", "test")
    with pytest.raises(ImageRequestError, match="is in the past"):
        request_image(house.context, "nginx", "because", "test", deadline=house.now)


def test_a_test_of_a_registry_is_audited(house: Watched) -> None:
    assert not try_registry(house.context, "test").works
    (entry,) = house.state.audit.entries(most=1)
    assert (entry.operation, entry.target, entry.detail) == (
        "Nephoscope/registries/write",
        "registry test",
        {"act": "test"},
    )
