"""The address that registries post to: only with the secret, and what is answered."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient
from tests.protect.registry.test_image_events import FORMS
from tests.service.house import arranged

from nephoscope.access.authenticator import Guard
from nephoscope.access.scopes import Hierarchy
from nephoscope.access.tokens import AccessTokenIssuer
from nephoscope.instance import Instance
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.protect.registry.registry_settings import read_settings
from nephoscope.serve.web_application import build_application
from nephoscope.service.local_user import LocalUser
from nephoscope.service.registries import add_registry, make_events_secret
from nephoscope.service.service_context import ServiceContext
from nephoscope.state.registries.registry_images import RegistryImageFilter

DIGEST = "sha256:" + "a" * 64
TARGET = {
    "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": DIGEST, "repository": "quarantine/app", "tag": "1",
}  # fmt: skip
PUSH = {"events": [{"id": "e1", "action": "push", "target": TARGET}]}
VALIDATION = [
    {
        "id": "1",
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "data": {"validationCode": "c"},
    }
]
ADDRESS = "/hooks/registries/prod"


@pytest.fixture
def house(tmp_path) -> Iterator[tuple[Instance, TestClient, str]]:
    with arranged(tmp_path) as (state, lake, data):
        tokens = AccessTokenIssuer(state, data / "keys", "7d1b6c4e-0000-0000-0000-000000000001")
        instance = Instance(
            data, state, lake, PublishedSnapshotCache(data), Guard(state, lambda: Hierarchy({})), tokens
        )
        context = ServiceContext(LocalUser("kim"), state, data)
        settings = read_settings({"quarantine": [{"quarantine": "quarantine/*", "approved": "approved/*"}]})
        add_registry(context, "prod", "registry.example", settings)
        secret = make_events_secret(context, "prod")
        with TestClient(build_application(instance), base_url="https://127.0.0.1") as client:
            yield instance, client, secret


def test_events_come_in_with_the_secret_alone(house):
    instance, client, secret = house
    for headers in (
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": ""},
        {"Authorization": "Basic eDp5"},
    ):
        assert client.post(ADDRESS, json=PUSH, headers=headers).status_code == 401
    assert (
        client.post("/hooks/registries/none", json=PUSH, headers={"Authorization": secret}).status_code == 401
    )
    for headers in ({"Authorization": secret}, {"Authorization": f"Bearer {secret}"}):
        told = client.post(ADDRESS, content=json.dumps(PUSH), headers=headers)
        assert told.status_code == 200
    (image,) = instance.state.registry_images.list_images(RegistryImageFilter(frozenset(["prod"])))
    assert image.name == f"quarantine/app:1@{DIGEST}"


def test_every_form_of_event_comes_in_once(house):
    instance, client, secret = house
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/cloudevents+json"}
    for form, body in FORMS.items():
        taken = [client.post(ADDRESS, content=json.dumps(body), headers=headers).json() for _ in range(2)]
        # a webhook and a delivery of Event Grid may tell of one event
        assert taken == [{"events": int(form not in ("acr webhook", "cloud events"))}, {"events": 0}], form
    assert len(instance.state.registry_images.list_images(RegistryImageFilter(frozenset(["prod"])))) == 1


def test_handshakes_and_what_is_no_event(house):
    _, client, secret = house
    headers = {"Authorization": f"Bearer {secret}"}
    assert client.post(ADDRESS, json=VALIDATION, headers=headers).json() == {"validationResponse": "c"}
    told = client.options(ADDRESS, headers={**headers, "WebHook-Request-Origin": "eventgrid.azure.net"})
    assert told.headers["WebHook-Allowed-Origin"] == "eventgrid.azure.net"
    assert client.options(ADDRESS).status_code == 401
    wrong = client.post(ADDRESS, content=b"{", headers=headers)
    assert (wrong.status_code, "is not JSON" in wrong.text) == (400, True)
    assert client.post(ADDRESS, content=b"x" * (5 << 20), headers=headers).status_code == 413
