"""Sources by the own API: a secret that is stored goes nowhere but where it was given for."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler

import pytest
from tests.ingest.live.tls_server import tls_server

from nephoscope.ingest.live import source_setup
from nephoscope.state.database.state_errors import ConcurrentChangeError

PASSWORD = "Top-Secret-Pw-77"
FEED = {
    "name": "feed", "kind": "taxii", "secrets": {"password": PASSWORD},
    "settings": {"url": "https://taxii.example/api1/", "collections": ["one"], "sign_in": "basic", "user": "svc"},
}  # fmt: skip


@pytest.fixture
def feed(ask):
    yield ask("POST", "/sources", 201, json=FEED)
    ask("DELETE", "/sources/feed", 204)


@pytest.fixture
def listener(tmp_path):
    """A server of somebody else behind TLS: (its settings, the headers that came)."""
    came: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            came.append(dict(self.headers))
            self.send_response(401)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with tls_server(tmp_path, Handler) as (port, ca):
        yield {"url": f"https://127.0.0.1:{port}/", "ca": ca, "private": True}, came


def test_a_change_of_the_address_takes_no_secret_along(ask, instance, feed, listener):
    place, came = listener
    told = ask("PATCH", "/sources/feed", 400, json={"settings": place})["error"]
    assert told["target"] == "settings"
    assert all(word in told["message"] for word in ("url, ca, private changed:", "password", "again"))
    assert ask("GET", "/sources/feed") == feed
    # neither by a detour over settings that use none
    ask("PATCH", "/sources/feed", json={"settings": {"sign_in": "none"}})
    ask("PATCH", "/sources/feed", 400, json={"settings": {**place, "sign_in": "basic"}})
    assert PASSWORD not in instance.state.credentials.get("source.feed").reveal()
    ask("PATCH", "/sources/feed", json={"settings": place})
    ask("POST", "/sources/feed/test")
    assert came, "the listener was asked"
    assert not [one for one in came if "Authorization" in one]


def test_a_change_that_another_overtook_is_a_conflict(ask, feed, monkeypatch):
    def overtaken(*_: object, **__: object) -> None:
        raise ConcurrentChangeError("source feed was changed meanwhile: check its current state")

    monkeypatch.setattr(source_setup, "change", overtaken)
    assert ask("PATCH", "/sources/feed", 409, json={"settings": {"poll": 60}})["error"]["code"] == "Conflict"


def test_what_was_given_with_the_change_is_used(ask, feed, listener):
    place, came = listener
    ask("PATCH", "/sources/feed", json={"settings": place, "secrets": {"password": "of-this-place"}})
    ask("POST", "/sources/feed/test")
    assert {one["Authorization"] for one in came} == {"Basic c3ZjOm9mLXRoaXMtcGxhY2U="}


def test_the_api_checks_as_the_page_and_the_command_do(ask, feed):
    wrong = {"settings": {**FEED["settings"], "url": "http://taxii.example/"}}
    assert (
        "url: must be"
        in ask("POST", "/sources", 400, json={**FEED, "name": "x", **wrong})["error"]["message"]
    )
    assert (
        "'password' is missing"
        in ask("POST", "/sources", 400, json={**FEED, "name": "x", "secrets": {}})["error"]["message"]
    )
    assert (
        "url: must be"
        in ask("PATCH", "/sources/feed", 400, json={"settings": {"url": "x"}})["error"]["message"]
    )
    assert (
        "not found" in ask("PATCH", "/sources/feed", 400, json={"secrets": {"word": "x"}})["error"]["message"]
    )


def test_who_is_no_owner_pauses_and_tests_what_an_owner_set_and_does_not_change_it(
    ask, server, caller, feed, listener
):
    place, came = listener
    contributor = caller(("Contributor", "/"))
    ask("PATCH", "/sources/feed", json={"settings": place, "secrets": {"password": "of-this-place"}})
    for enabled in (False, True):
        answer = server.patch("/admin/v1/sources/feed", headers=contributor, json={"enabled": enabled})
        assert answer.json()["enabled"] is enabled
    assert server.post("/admin/v1/sources/feed/test", headers=contributor).status_code == 200
    assert came
    for change in ({"settings": {"poll": 60}}, {"settings": {"ca": ""}}, {"secrets": {"password": "x"}}):
        answer = server.patch("/admin/v1/sources/feed", headers=contributor, json=change)
        assert answer.status_code == 403
        assert "ca (a file of the server)" in answer.json()["error"]["message"]
