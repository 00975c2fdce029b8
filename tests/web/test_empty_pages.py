"""Before the first assessment every page has its heading and says what to connect, those of one thing too."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient
from tests.web.conftest import BASE

from nephoscope.access.authenticator import Guard
from nephoscope.access.tokens import AccessTokenIssuer
from nephoscope.instance import Instance, build_hierarchy
from nephoscope.lake.lake import Lake
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.serve.web_application import build_application
from nephoscope.state import State
from nephoscope.state.access.principals import PrincipalKind
from nephoscope.web.site import COOKIE


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """An owner of a server that assessed nothing yet."""
    data = tmp_path_factory.mktemp("empty")
    with State.open_folder(data) as state, Lake.open(data, state) as lake:
        snapshots = PublishedSnapshotCache(data)
        guard = Guard(state, lambda: build_hierarchy(snapshots))
        tokens = AccessTokenIssuer(state, data / "keys", "5b1f0d9e-3a52-4c51-9a0e-0d6a1c7b8e90")
        instance = Instance(data, state, lake, snapshots, guard, tokens)
        with state.transaction() as session:
            person = state.principals.add(session, PrincipalKind.PERSON, "ada")
            state.principals.grant(session, person.id, "Owner", "/", "test")
        headers = {"Cookie": f"{COOKIE}={guard.open_session(person)}"}
        with TestClient(build_application(instance), base_url=BASE, headers=headers) as made:
            yield made


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/recommendations",
        "/recommendations?open=1",
        "/inventory",
        "/attack-paths",
        "/compliance",
        "/resource/x",
        "/recommendations/x",
        "/attack-paths/x",
        "/compliance/x",
    ],
)
def test_there_is_one_heading_and_a_way_on(client, path):
    answer = client.get(path)
    assert answer.status_code in (200, 404)
    assert answer.text.count("<h1>") == 1
    if answer.status_code == 200:
        assert "Connect a tenant" in answer.text


@pytest.mark.parametrize("table", ["first", "controls", "resources", "not-assessed"])
def test_its_tables_are_files_with_heads_alone(client, table):
    answer = client.get(f"/?format=csv&table={table}")
    assert len(answer.text.splitlines()) == 1
