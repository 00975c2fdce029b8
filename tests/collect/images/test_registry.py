"""Images in a real registry, pushed by a real client, and what goes wrong between."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.collect.images.image_builder import digest_of, make_layout
from tests.collect.images.registry_server import push_layout, running_registry
from tests.collect.images.test_images import LAYERS, LEFT, contents

from nephoscope.collect.images.credentials import RegistryCredential, find_credential
from nephoscope.collect.images.errors import (
    ImageDeniedError,
    ImageError,
    ImageNotFoundError,
    RegistryUnreachableError,
)
from nephoscope.collect.images.image_name import ImageReference
from nephoscope.collect.images.layout import open_layout
from nephoscope.collect.images.registry import Registry, open_registry_image

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def registry_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_registry(tmp_path_factory.mktemp("registry")) as host:
        yield host


def test_a_pushed_image_is_the_one_in_the_layout(registry_host: str, tmp_path: Path) -> None:
    digest = make_layout(tmp_path / "layout", LAYERS)
    push_layout(tmp_path / "layout", f"{registry_host}/team/app:1.0")
    with Registry(registry_host) as registry:
        image = open_registry_image(registry, ImageReference.parse(f"{registry_host}/team/app:1.0"))
        assert (image.digest, contents(image)) == (digest, LEFT)
        again = open_registry_image(registry, ImageReference.parse(f"{registry_host}/team/app@{digest}"))
        assert [layer.digest for layer in again.layers] == [
            layer.digest for layer in open_layout(tmp_path / "layout").layers
        ]
        assert list(registry.list_tags("team/app")) == ["1.0"]
        assert list(registry.list_repositories()) == ["team/app"]
        with pytest.raises(ImageNotFoundError, match=r"team/app:2 not found"):
            registry.read_manifest("team/app", "2")


class StandIn(BaseHTTPRequestHandler):
    """A registry whose answers a test sets: a list of answers for each path, the last of which stays."""

    answers: dict[str, list[tuple[int, dict[str, str], bytes]]]
    asked: list[tuple[str, str]]

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers.get("Authorization", "")))
        several = self.answers[self.path.partition("?")[0]]
        status, headers, body = several.pop(0) if len(several) > 1 else several[0]
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def stand_in() -> Iterator[tuple[str, type[StandIn]]]:
    handler = type("Answers", (StandIn,), {"answers": {}, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"127.0.0.1:{server.server_port}", handler
    server.shutdown()
    thread.join()
    server.server_close()


MANIFEST = json.dumps({"schemaVersion": 2, "config": {"digest": "sha256:" + "0" * 64}, "layers": []}).encode()


def test_a_token_is_fetched_and_renewed(stand_in: tuple[str, type[StandIn]]) -> None:
    host, answers = stand_in
    challenge = {
        "WWW-Authenticate": f'Bearer realm="http://{host}/token",service="reg",scope="repository:a:pull"'
    }
    answers.answers = {
        "/v2/a/manifests/1": [
            (401, challenge, b""),
            (200, {}, MANIFEST),
            (401, challenge, b""),
            (200, {}, MANIFEST),
        ],
        "/token": [(200, {}, b'{"token": "first"}'), (200, {}, b'{"access_token": "second"}')],
    }
    with Registry(host, RegistryCredential("me", "secret")) as registry:
        assert registry.read_manifest("a", "1") == (MANIFEST, digest_of(MANIFEST))
        registry.read_manifest("a", "1")
    said = [authorization for path, authorization in answers.asked if path == "/v2/a/manifests/1"]
    assert said == ["", "Bearer first", "Bearer first", "Bearer second"]
    assert [path for path, authorization in answers.asked if authorization.startswith("Basic")] == [
        "/token?service=reg&scope=repository%3Aa%3Apull"
    ] * 2


def test_a_login_goes_nowhere_without_tls(stand_in: tuple[str, type[StandIn]]) -> None:
    host, answers = stand_in
    challenge = {"WWW-Authenticate": 'Bearer realm="http://elsewhere.example/token"'}
    answers.answers = {
        "/v2/a/manifests/1": [(401, challenge, b"")],
        "/v2/b/manifests/1": [(401, {"WWW-Authenticate": "Basic"}, b"")],
    }
    with (
        Registry(host, RegistryCredential("me", "secret")) as registry,
        pytest.raises(ImageDeniedError, match="which is not HTTPS"),
    ):
        registry.read_manifest("a", "1")
    with Registry(host) as registry, pytest.raises(ImageDeniedError, match="requires a login"):
        registry.read_manifest("b", "1")
    assert "secret" not in repr(Registry(host, RegistryCredential("me", "secret")))


def test_an_answer_that_passes_is_asked_for_again(stand_in: tuple[str, type[StandIn]]) -> None:
    host, answers = stand_in
    answers.answers = {
        "/v2/a/manifests/1": [(503, {"Retry-After": "0"}, b""), (200, {}, MANIFEST)],
        "/v2/b/manifests/1": [(429, {"Retry-After": "0"}, b"")],
        "/v2/c/manifests/1": [(200, {"Docker-Content-Digest": "sha256:" + "1" * 64}, MANIFEST)],
        "/v2/d/manifests/1": [(200, {}, b" " * 5_000_000)],
    }
    with Registry(host) as registry:
        assert registry.read_manifest("a", "1")[0] == MANIFEST
        with pytest.raises(RegistryUnreachableError, match="it answered 429"):
            registry.read_manifest("b", "1")
        with pytest.raises(ImageError, match="does not match the digest"):
            registry.read_manifest("c", "1")
        with pytest.raises(ImageError, match="has more than 4194304 bytes"):
            registry.read_manifest("d", "1")


def test_pages_follow_each_other_on_one_host_only(stand_in: tuple[str, type[StandIn]]) -> None:
    host, answers = stand_in
    pages = [
        {"Link": '</v2/a/tags/list?n=1&last=x>; rel="next"'},
        {"Link": '<http://elsewhere.example/v2/>; rel="next"'},
    ]
    answers.answers = {
        "/v2/a/tags/list": [(200, pages[0], b'{"tags": ["x"]}'), (200, pages[1], b'{"tags": ["y"]}')]
    }
    with Registry(host) as registry:
        assert list(registry.list_tags("a")) == ["x", "y"]


def test_logins_are_those_of_docker_and_podman(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(
        json.dumps({"auths": {"https://reg.example/": {"auth": "bWU6cGFzczp3b3Jk"}, "x": {"auth": "!"}}})
    )
    found = find_credential("reg.example", [tmp_path / "none.json", path])
    assert (found.username, found.password) == ("me", "pass:word")
    assert not find_credential("other.example", [path])
    with pytest.raises(ImageError, match=r"the credential for x in .* cannot be read: log in again"):
        find_credential("x", [path])
