"""One verb by each face: the same operation, one entry each, a chain that holds, and no secret in what is kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from nephoscope.access.authenticator import Guard
from nephoscope.access.tokens import AccessTokenIssuer
from nephoscope.cli.main import cli
from nephoscope.instance import Instance, hierarchy_of
from nephoscope.posture.published.edition_cache import PublishedSnapshotCache
from nephoscope.resource_graph import opened_lake
from nephoscope.serve.web_application import application
from nephoscope.service import principals, tenants, workspaces
from nephoscope.service.local_user import LocalUser
from nephoscope.service.service_context import ServiceContext
from nephoscope.state import State
from nephoscope.state.access.principals import PrincipalKind, SecretKind
from nephoscope.state.audit.audit import AuditEntry
from nephoscope.web.site import COOKIE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BASE = "https://127.0.0.1"
ID, CLIENT = "11111111-2222-3333-4444-555555555555", "22222222-2222-3333-4444-555555555555"
SECRET = "very~secret~text"


class Faces:
    """A server with an owner who is signed in and has a token, and the data folder for commands."""

    def __init__(self, instance: Instance, client: TestClient) -> None:
        self.instance, self._client = instance, client
        context = ServiceContext(LocalUser.current(), instance.state, instance.data)
        owner = principals.add_principal(context, PrincipalKind.PERSON, "owner", role="Owner")
        token = instance.guard.make_secret(owner, SecretKind.TOKEN, "test")
        self._token = {"Authorization": f"Bearer {token}"}
        self._cookie = f"{COOKIE}={instance.guard.open_session(owner)}"

    def command(self, *arguments: str, **environment: str) -> None:
        done = CliRunner().invoke(cli, ["--data", str(self.instance.data), *arguments], env=environment)
        assert done.exit_code == 0, done.output

    def admin(self, method: str, path: str, body: dict[str, Any]) -> None:
        done = self._client.request(method, f"/admin/v1{path}", headers=self._token, json=body)
        assert done.status_code < 300, done.text

    def page(self, path: str, form: dict[str, str]) -> None:
        headers = {"Cookie": self._cookie, "Sec-Fetch-Site": "same-origin"}
        done = self._client.post(path, headers=headers, data=form, follow_redirects=False)
        assert done.status_code == 303, done.text

    def entries_of(self, do: Callable[[Faces], None]) -> list[AuditEntry]:
        """What the audit has of it."""
        known = self.instance.state.audit.entries(most=1)[0].number
        do(self)
        return [one for one in self.instance.state.audit.entries() if one.number > known]


@pytest.fixture
def faces(tmp_path: Path) -> Iterator[Faces]:
    data = tmp_path / "data"
    with State.of(data, "") as state, opened_lake(data, state) as lake:
        shelf = PublishedSnapshotCache(data)
        guard = Guard(state, lambda: hierarchy_of(shelf))
        instance = Instance(data, state, lake, shelf, guard, AccessTokenIssuer(state, data / "keys", ID))
        with TestClient(application(instance, requests_a_minute=10_000), base_url=BASE) as client:
            yield Faces(instance, client)


RETENTION: dict[str, Callable[[Faces], None]] = {
    "command": lambda it: it.command("workspaces", "set", "default", "--retention", "1"),
    "admin": lambda it: it.admin("PATCH", "/workspaces/default", {"days": 1}),
}
TENANT: dict[str, Callable[[Faces], None]] = {
    "command": lambda it: it.command(
        "tenants", "add", "contoso", "--tenant", ID, "--client", CLIENT, "--secret", "secret=env:GIVEN", GIVEN=SECRET
    ),
    "admin": lambda it: it.admin(
        "POST", "/tenants",
        {"name": "contoso", "connection": {"tenant": ID, "client": CLIENT}, "secrets": {"secret": SECRET}},
    ),
    "page": lambda it: it.page(
        "/sources/tenants/new",
        {"name": "contoso", "tenant": ID, "client": CLIENT, "sign_in": "secret", "secret": SECRET, "hours": "8"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("face", RETENTION)
def test_a_retention_of_one_day(faces: Faces, face: str) -> None:
    [entry] = faces.entries_of(RETENTION[face])
    assert faces.instance.state.workspaces.get().days == 1
    assert (entry.operation, entry.target, entry.outcome) == (
        workspaces.WRITE,
        "workspace default",
        "Succeeded",
    )
    assert entry.detail == {"act": "change", "days": 1, "before": {"days": 90}}
    assert faces.instance.state.audit.broken() is None


@pytest.mark.parametrize("face", TENANT)
def test_a_tenant_with_a_secret(faces: Faces, face: str) -> None:
    [entry] = faces.entries_of(TENANT[face])
    made = faces.instance.state.tenants.get("contoso")
    assert faces.instance.state.credentials.get(made.credential).reveal().count(SECRET) == 1
    assert (entry.operation, entry.target) == (tenants.WRITE, "tenant contoso")
    assert entry.detail == {"act": "connect", **tenants.to_detail(made)}
    assert faces.instance.state.audit.broken() is None
    kept = b"".join(one.read_bytes() for one in faces.instance.data.rglob("*") if one.is_file())
    assert SECRET.encode() not in kept
