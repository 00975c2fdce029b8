"""Events of registries: their forms, and what follows of each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.protect.registry.quarantine import Watched, watching

from nephoscope.protect.registry.events.reading import read_events
from nephoscope.protect.registry.events.registry_event import RegistryEventError
from nephoscope.protect.registry.image_events import get_user_agent
from nephoscope.protect.registry.registry_settings import RegistrySettingsError, read_settings
from nephoscope.state.ingestion.outbox import OutboxRow
from nephoscope.state.registries.registry_images import ImageStatus

DIGEST, MANIFEST = "sha256:" + "a" * 64, "application/vnd.docker.distribution.manifest.v2+json"
TARGET = {"mediaType": MANIFEST, "digest": DIGEST, "repository": "quarantine/app", "tag": "1.0", "size": 7}
DISTRIBUTION = {
    "id": "e1", "action": "push", "timestamp": "2026-03-01T12:00:00.5Z", "target": TARGET,
    "request": {"addr": "192.0.2.7:4000", "useragent": "skopeo/1"}, "actor": {"name": "ci"},
}  # fmt: skip
HARBOR = {
    "type": "PUSH_ARTIFACT", "occur_at": 1772366400, "operator": "ci",
    "event_data": {
        "resources": [{"digest": DIGEST, "tag": "1.0", "resource_url": "h/quarantine/app:1.0"}],
        "repository": {"repo_full_name": "quarantine/app", "name": "app"},
    },
}  # fmt: skip
GRID = {
    "id": "g1", "topic": "/subscriptions/s", "subject": "app:1.0", "eventType": "Microsoft.ContainerRegistry.ImagePushed",
    "eventTime": "2026-03-01T12:00:00Z", "data": {"id": "d", "action": "push", "target": TARGET}, "dataVersion": "2.0",
}  # fmt: skip
CLOUD = {
    "specversion": "1.0", "id": "c1", "type": "Microsoft.ContainerRegistry.ImagePushed", "source": "s",
    "time": "2026-03-01T12:00:00Z", "data": {"target": TARGET},
}  # fmt: skip
HARBOR_CLOUD = {
    "specversion": "1.0", "id": "66e18103", "requestid": "51c0b694", "source": "/projects/2/webhook/policies/15",
    "type": "harbor.artifact.pushed", "datacontenttype": "application/json", "time": "2026-03-01T12:00:00Z",
    "data": HARBOR["event_data"], "operator": "ci",
}  # fmt: skip
FORMS: dict[str, Any] = {
    "distribution": {
        "events": [
            DISTRIBUTION,
            {**DISTRIBUTION, "target": {**TARGET, "mediaType": "application/octet-stream"}},
        ]
    },
    "acr webhook": DISTRIBUTION,
    "harbor": HARBOR,
    "acr quarantine": {
        "id": "0d799b14",
        "timestamp": "2026-03-01T12:00:00.4509516Z",
        "action": "quarantine",
        "target": {name: value for name, value in TARGET.items() if name != "mediaType"},
        "request": {"id": "978fc988", "host": "shop.azurecr.io", "method": "PUT"},
    },
    "harbor cloud event": HARBOR_CLOUD,
    "event grid": [GRID],
    "cloud event": CLOUD,
    "cloud events": [CLOUD],
}


@pytest.mark.parametrize("form", FORMS)
def test_a_form(form: str) -> None:
    (found,) = read_events(json.dumps(FORMS[form]).encode()).events
    assert (found.action, found.repository, found.tag, found.digest) == (
        "push",
        "quarantine/app",
        "1.0",
        DIGEST,
    )
    assert found.id
    assert found.time


NOTHING: dict[str, Any] = {
    "a ping": {"id": "1", "action": "ping", "timestamp": "2026-03-01T12:00:00Z"},
    "a scan of harbor": {**HARBOR, "type": "SCANNING_COMPLETED"},
    "a scan of harbor as a cloud event": {
        **HARBOR_CLOUD,
        "type": "harbor.scan.completed",
        "data": {"repository": {}},
    },
    "the quarantine of a chart": {
        **DISTRIBUTION,
        "action": "quarantine",
        "target": {**TARGET, "mediaType": "application/vnd.cncf.helm.config.v1+json"},
    },
    "a chart": {
        **DISTRIBUTION,
        "target": {**TARGET, "mediaType": "application/vnd.cncf.helm.config.v1+json"},
    },
    "another event of azure": [{**GRID, "eventType": "Microsoft.Storage.BlobCreated", "data": {}}],
}


@pytest.mark.parametrize("name", NOTHING)
def test_what_tells_of_no_image(name: str) -> None:
    assert read_events(json.dumps(NOTHING[name]).encode()).events == ()


def test_the_handshake_of_a_subscription() -> None:
    asked = {
        **GRID,
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "data": {"validationCode": "512d"},
    }
    assert read_events(json.dumps([asked]).encode()).answer == {"validationResponse": "512d"}


BAD = {
    "no JSON": (b"{", "the content is not JSON"),
    "a number": (b"7", "not an object or a list"),
    "another form": (b"{}", "unknown event format"),
    "a wrong place": (b'{"events": [{"target": {"digest": 7}}]}', r"\$.events\[0\].target.digest"),
    "no time": (json.dumps({**HARBOR, "occur_at": 10**17}).encode(), "occur_at is not a time: 1"),
    "a cloud event without an id": (
        b'{"specversion": "1.0", "type": "harbor.artifact.pushed"}',
        "missing required field `id`",
    ),
    "deep": (b"[" * 100_000, "the content is not JSON"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_content_that_is_none(name: str) -> None:
    content, why = BAD[name]
    with pytest.raises(RegistryEventError, match=why):
        read_events(content)


@pytest.mark.parametrize("change", [{"repository": "../x"}, {"digest": "sha256:x/../y"}, {"tag": "a/b"}])
def test_what_can_be_no_path_is_set_aside_and_the_rest_counts(change: dict[str, str]) -> None:
    several = [DISTRIBUTION, {**DISTRIBUTION, "target": {**TARGET, **change}}]
    found = read_events(json.dumps({"events": several}).encode())
    assert (len(found.events), len(found.set_aside)) == (1, 1)
    assert found.set_aside[0].startswith("event 1: ")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Watched]:
    with watching(tmp_path, "registry.example") as found:
        found.add(repositories=["team/*"])
        yield found


def events(**change: Any) -> list[bytes]:
    target = {**TARGET, **change.pop("target", {})}
    return [json.dumps({"events": [{**DISTRIBUTION, **change, "target": target}]}).encode()]


def test_two_hundred_pushes_in_a_minute_are_kept_each_once(house: Watched) -> None:
    bodies = [
        events(
            id=str(number), target={"repository": f"quarantine/{number}", "digest": f"sha256:{number:064x}"}
        )[0]
        for number in range(200)
    ]
    again = json.dumps({"events": [json.loads(one)["events"][0] for one in reversed(bodies)]}).encode()
    assert house.tell([*bodies, again, *bodies[:3]]) == 200
    assert len(house.images()) == 200
    with house.state.reading() as session:
        rows = [
            row
            for one in session.query(OutboxRow)
            for row in (one.row if isinstance(one.row, list) else [one.row])
        ]
    assert len(rows) == 200
    assert (rows[0]["OperationName"], rows[0]["CallerIpAddress"], rows[0]["LoginServer"]) == (
        "Push", "192.0.2.7", "registry.example",
    )  # fmt: skip


def test_our_own_requests_and_repositories_that_are_left_alone_ask_for_nothing(house: Watched) -> None:
    ours = get_user_agent(house.state.watched_registries.get("test"))
    assert house.tell(events(request={"useragent": ours})) == 0
    assert house.tell(events(target={"repository": "elsewhere/app"})) == 0
    assert house.images() == []


def test_a_push_without_a_tag_waits_for_one(house: Watched) -> None:
    house.tell(events(target={"tag": ""}))
    assert house.image("quarantine/app").status is ImageStatus.UNTAGGED
    house.tell(events(id="e2"))
    assert house.image("quarantine/app").status is ImageStatus.QUEUED


def test_a_pull_asks_for_what_was_never_or_long_ago_examined(house: Watched) -> None:
    house.tell(events(action="pull", target={"repository": "team/app"}))
    assert (house.image("team/app").status, house.image("team/app").origin) == (ImageStatus.QUEUED, "pull")
    stand(house, ImageStatus.PASSED)
    house.later(hours=23)
    house.tell(events(id="e2", action="pull", target={"repository": "team/app"}))
    assert house.image("team/app").status is ImageStatus.PASSED
    house.later(hours=2)
    house.tell(events(id="e3", action="pull", target={"repository": "team/app"}))
    assert house.image("team/app").status is ImageStatus.QUEUED


def test_what_was_deleted_is_gone(house: Watched) -> None:
    house.tell(events())
    stand(house, ImageStatus.HELD)
    house.tell(events(id="e2", action="delete", target={"mediaType": "", "tag": ""}))
    assert house.image("quarantine/app").status is ImageStatus.GONE
    house.tell(events(id="e3"))
    assert house.image("quarantine/app").status is ImageStatus.QUEUED


def stand(house: Watched, status: ImageStatus) -> None:
    """Let the image stand so, as if it was examined now."""
    from dataclasses import replace

    (image,) = house.images()
    with house.state.transaction(product="a test") as session:
        house.state.registry_images.put(session, replace(image, status=status, examined=house.now))


SETTINGS: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown one": ({"colour": 1}, "unknown field `colour`"),
    "no star": (
        {"quarantine": [{"quarantine": "q", "approved": "a/*"}]},
        r"quarantine\[0\].quarantine: a prefix",
    ),
    "in each other": (
        {"quarantine": [{"quarantine": "q/*", "approved": "q/a/*"}]},
        "would be quarantined again",
    ),
    "hours": ({"rescanHours": 0}, "rescanHours: must be at least 1"),
    "an authority": ({"authority": "x"}, "authority: no certificates"),
    "a rule": ({"policy": {"configuration": ["no-such"]}}, "rule of images 'no-such' not found"),
    "a license": ({"policy": {"deniedLicenses": ["no such license"]}}, "policy: "),
    "signatures": ({"policy": {"signatures": 1}}, "1 are expected, but `keys` and `identities` have 0"),
    "an effect": ({"policy": {"unknown": "perhaps"}}, "policy.unknown"),
    "an id": ({"resourceId": "nothing"}, "resourceId: "),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_that_cannot_be(name: str) -> None:
    document, why = SETTINGS[name]
    with pytest.raises(RegistrySettingsError, match=why):
        read_settings(document)
