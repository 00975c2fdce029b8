"""A server over the sample estate with a small lake, and callers with the roles that a test asks for."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient
from tests.signing_keys import put_signing_key

from nephoscope.access.authenticator import Guard
from nephoscope.access.tokens import AccessTokenIssuer
from nephoscope.instance import Instance, build_hierarchy
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.resource_graph import open_lake_with_estate
from nephoscope.serve.server_settings import ServeSettings
from nephoscope.serve.web_application import build_application
from nephoscope.state import State
from nephoscope.state.access.principals import PrincipalKind, SecretKind

TENANT = "5b1f0d9e-3a52-4c51-9a0e-0d6a1c7b8e90"


@pytest.fixture(scope="module")
def instance(tmp_path_factory):
    data = tmp_path_factory.mktemp("admin")
    put_signing_key(data)
    with State.open_folder(data) as state, open_lake_with_estate(data, state) as lake:
        snapshots = PublishedSnapshotCache(data)
        guard = Guard(state, lambda: build_hierarchy(snapshots))
        yield Instance(
            data, state, lake, snapshots, guard, AccessTokenIssuer(state, data / "keys", TENANT), TENANT
        )


@pytest.fixture(scope="module")
def app(instance):
    settings = ServeSettings(instance.data, state="postgresql://user:word@db/state", key="/etc/tls.key")
    return build_application(instance, requests_a_minute=10_000_000, settings=settings)


@pytest.fixture(scope="module")
def server(app):
    with TestClient(app, base_url="https://127.0.0.1", raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def caller(instance):
    """Makes the headers of a program that has roles: (role, scope) pairs."""

    def made(*roles: tuple[str, str]) -> dict[str, str]:
        name = f"program {len(instance.state.principals.all())}"
        with instance.state.transaction() as session:
            principal = instance.state.principals.add(session, PrincipalKind.PROGRAM, name)
            for role, scope in roles:
                instance.state.principals.grant(session, principal.id, role, scope, "test")
        token = instance.guard.make_secret(principal, SecretKind.TOKEN, "test")
        return {"Authorization": f"Bearer {token}"}

    return made


@pytest.fixture(scope="module")
def owner(caller):
    return caller(("Owner", "/"))


@pytest.fixture(scope="module")
def ask(server, owner):
    """Asks as the owner: the body, whose status must be what is expected."""

    def asked(method: str, path: str, status: int = 200, **given):
        answer = server.request(method, f"/admin/v1{path}", headers=owner, **given)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    return asked
