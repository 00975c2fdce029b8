"""Tenants that people connect: kept encrypted, collected when it is time, judged by what there is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nephoscope.collect.azure.tenant_connection import TenantSecrets
from nephoscope.collect.resources import SnapshotError
from nephoscope.posture.scans import tenants
from nephoscope.posture.scans.scan import ScanRequest, read_last_scan_request, save_request
from nephoscope.service import tenants as service
from nephoscope.service.local_user import LocalUser
from nephoscope.service.service_context import ServiceContext
from nephoscope.state import State, StateError
from nephoscope.state.estate.tenants import Tenant, TenantConnection

ID, CLIENT = "11111111-2222-3333-4444-555555555555", "22222222-2222-3333-4444-555555555555"
SECRET = "very~secret~text"
ASKED = TenantConnection(ID, "secret", CLIENT)


@pytest.fixture
def state(tmp_path: Path) -> Any:
    with State.open_folder(tmp_path) as found:
        yield found


@pytest.fixture
def collecting(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is collected, in place of asking Azure; a word in it makes it fail."""
    asked: list[str] = []

    def collected(settings: Any, needs: Any, out: Path, progress: Any) -> Path:
        asked.append(out.parent.name)
        if "fails" in asked:
            raise SnapshotError("no answer")
        out.mkdir(parents=True)
        (out / "coverage.json").write_text("{}")
        return out

    monkeypatch.setattr(tenants, "collect_snapshot", collected)
    return asked


def acting(state: State, data: Path) -> ServiceContext:
    return ServiceContext(LocalUser.current(), state, data)


def connect(state: State, data: Path, name: str = "contoso") -> Tenant:
    return service.connect_tenant(acting(state, data), Tenant(name, ASKED), TenantSecrets(SECRET))


def test_the_secret_is_encrypted(state: State, tmp_path: Path) -> None:
    made = connect(state, tmp_path)
    assert tenants.load_tenant_secrets(state, made) == TenantSecrets(SECRET)
    assert SECRET not in repr(tenants.load_tenant_secrets(state, made))
    assert SECRET.encode() not in b"".join(path.read_bytes() for path in tmp_path.glob("state.db*"))
    with pytest.raises(StateError, match="tenant 'contoso' already exists"):
        connect(state, tmp_path)


@pytest.mark.parametrize(
    ("connection", "secrets", "said"),
    [
        (TenantConnection("", "secret", CLIENT), TenantSecrets(SECRET), "tenant ID"),
        (TenantConnection(ID, "secret", ""), TenantSecrets(SECRET), "client ID"),
        (ASKED, TenantSecrets(), "client secret is missing"),
        (TenantConnection(ID, "certificate", CLIENT), TenantSecrets(certificate="-----BEGIN"), "cannot be read"),
        (TenantConnection(ID, "secret", CLIENT, ("x",)), TenantSecrets(SECRET), "not a subscription id"),
        (TenantConnection(ID, "secret", CLIENT, (), ("a'b",)), TenantSecrets(SECRET), "management group"),
        (TenantConnection(ID, "secret", CLIENT, (), (), "mars"), TenantSecrets(SECRET), "neither public"),
        (TenantConnection(ID, "by magic", CLIENT), TenantSecrets(SECRET), "one of"),
    ],
    ids=["tenant", "client", "secret", "certificate", "subscription", "group", "cloud", "sign-in"],
)  # fmt: skip
def test_what_cannot_be_is_refused(
    state: State, tmp_path: Path, connection: TenantConnection, secrets: TenantSecrets, said: str
) -> None:
    with pytest.raises(StateError, match=said):
        service.connect_tenant(acting(state, tmp_path), Tenant("contoso", connection), secrets)
    assert state.tenants.all() == ()
    assert state.credentials.names() == ()


def test_the_first_tenant_that_is_collected_takes_the_place_of_the_sample(
    state: State, tmp_path: Path, collecting: list[str]
) -> None:
    save_request(ScanRequest(("sample:", "more.json")), tmp_path)
    connect(state, tmp_path)
    asked = read_last_scan_request(tmp_path)
    assert asked is not None
    assert (asked.targets, asked.history) == (("sample:", "more.json", "tenant:contoso"), "default")
    tenants.collect_due(state, tmp_path, asked.targets, datetime.now(UTC), lambda *_: None)
    found = tenants.build_scan_request(state, tmp_path)
    assert found == read_last_scan_request(tmp_path) != None  # noqa: E711 - compared in a chain
    assert (found.targets, found.history) == (("more.json", "tenant:contoso"), "tenants")
    service.remove_tenant(acting(state, tmp_path), "contoso")
    left = read_last_scan_request(tmp_path)
    assert left is not None
    assert left.targets == ("more.json",)
    assert state.credentials.names() == ()


def test_a_tenant_that_never_came_leaves_the_sample_as_it_was(
    state: State, tmp_path: Path, collecting: list[str]
) -> None:
    before = ScanRequest(("sample:",))
    save_request(before, tmp_path)
    connect(state, tmp_path, "fails")
    asked = read_last_scan_request(tmp_path)
    assert asked is not None
    assert tenants.collect_due(state, tmp_path, asked.targets, datetime.now(UTC), lambda *_: None) == {}
    assert (
        tenants.build_scan_request(state, tmp_path)
        == asked
        == msgspec.structs.replace(before, targets=("sample:", "tenant:fails"))
    )
    service.remove_tenant(acting(state, tmp_path), "fails")
    assert read_last_scan_request(tmp_path) == before


def test_removing_the_last_leaves_nothing_to_judge(state: State, tmp_path: Path) -> None:
    connect(state, tmp_path)
    service.remove_tenant(acting(state, tmp_path), "contoso")
    assert read_last_scan_request(tmp_path) is None


def test_a_tenant_is_collected_when_its_hours_have_passed(
    state: State, tmp_path: Path, collecting: list[str]
) -> None:
    connect(state, tmp_path)
    told = lambda *_: None  # noqa: E731 - progress
    now = datetime.now(UTC)
    first = tenants.collect_due(state, tmp_path, ["tenant:contoso", "sample:"], now, told)
    assert tenants.collect_due(state, tmp_path, ["tenant:contoso"], now, told) == first
    assert collecting == ["contoso"]
    later = now + timedelta(hours=9)
    second = tenants.collect_due(state, tmp_path, ["tenant:contoso"], later, told)
    assert collecting == ["contoso"] * 2
    assert second != first
    assert len(list(Path(second["tenant:contoso"]).parent.iterdir())) <= 2


def test_one_that_fails_is_judged_by_its_snapshot_of_before(
    state: State, tmp_path: Path, collecting: list[str]
) -> None:
    connect(state, tmp_path)
    told = lambda *_: None  # noqa: E731 - progress
    now = datetime.now(UTC)
    first = tenants.collect_due(state, tmp_path, ["tenant:contoso"], now, told)
    collecting.append("fails")
    connect(state, tmp_path, "fabrikam")
    targets = ["tenant:contoso", "tenant:fabrikam"]
    assert tenants.collect_due(state, tmp_path, targets, now + timedelta(hours=9), told) == first
    assert {one.name: one.error for one in state.tenants.all()} == {
        "contoso": "contoso: no answer", "fabrikam": "fabrikam: no answer",
    }  # fmt: skip
    with pytest.raises(SnapshotError, match="no answer"):
        tenants.collect_due(state, tmp_path, ["tenant:fabrikam"], now + timedelta(hours=9), told)


def test_a_paused_tenant_is_not_collected(state: State, tmp_path: Path, collecting: list[str]) -> None:
    made = connect(state, tmp_path)
    told = lambda *_: None  # noqa: E731 - progress
    now = datetime.now(UTC)
    tenants.collect_due(state, tmp_path, ["tenant:contoso"], now, told)
    service.change_tenant(acting(state, tmp_path), replace(made, enabled=False))
    tenants.collect_due(state, tmp_path, ["tenant:contoso"], now + timedelta(days=9), told)
    assert collecting == ["contoso"]
    request = read_last_scan_request(tmp_path)
    assert request is not None
    assert request.targets == ("tenant:contoso",)
    assert not tenants.due(state, request, now + timedelta(days=9))


def test_another_sign_in_drops_the_secret(state: State, tmp_path: Path) -> None:
    made = connect(state, tmp_path)
    changed = service.change_tenant(
        acting(state, tmp_path), replace(made, connection=TenantConnection("", "managed-identity"))
    )
    assert changed.credential == ""
    assert state.credentials.names() == ()
