"""Packet captures of Network Watcher against a replayed Resource Manager: start, state, storage location, stop, and every refusal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from tests.agent.test_response import Person
from tests.service.replayed_resource_manager import (
    MACHINE,
    OPERATOR,
    STORAGE,
    WATCHER,
    ReplayedCredential,
    ReplayedManager,
    manager,
    prepare_captures,
    write_operator,
)

from nephoscope.access.authenticator import DeniedError
from nephoscope.automation.network_watcher import STOP, WRITE
from nephoscope.automation.operator_policy import FILE
from nephoscope.cli.main import cli
from nephoscope.connect.network_watcher_client import NetworkWatcherClient, NetworkWatcherError
from nephoscope.service import azure_captures as service
from nephoscope.service.azure_captures import READ, STORAGE_KEYS, AzureCaptureRequest
from nephoscope.service.service_context import ServiceContext
from nephoscope.state import NotFoundError, State, StateError

__all__ = ["manager"]
EVERYTHING = Person("kim", frozenset({READ, WRITE, STOP}))
READER = Person("rae", frozenset({READ}))


@pytest.fixture
def data(tmp_path: Path, manager: ReplayedManager) -> Path:
    """A data folder with a machine, the watcher of its region and one of another, and an operator who allows captures."""
    folder = tmp_path / "data"
    cloud = prepare_captures(folder, manager)
    write_operator(folder, {"captures": {**OPERATOR["captures"], "cloud": cloud}})
    return folder


@pytest.fixture
def state(data: Path) -> Iterator[State]:
    with State.open_folder(data) as opened:
        yield opened


def acts(state: State, data: Path, person: Person = EVERYTHING) -> ServiceContext:
    return ServiceContext(person, state, data)  # type: ignore[arg-type]


def test_a_capture_is_started_listed_stopped_and_its_state_and_storage_location_are_known(
    manager: ReplayedManager, data: Path, state: State
) -> None:
    context = acts(state, data)
    asked = AzureCaptureRequest(
        protocol="tcp", remote_port=443, remote_address="192.0.2.7", seconds=120, bytes=2048
    )
    made = service.start_azure_capture(context, MACHINE, asked, "INC-7")
    ((method, place, sent),) = manager.requests
    assert (method, place) == ("PUT", f"{WATCHER}/packetCaptures/{made.name}")
    assert sent["properties"] == {
        "target": MACHINE, "storageLocation": {"storageId": STORAGE}, "timeLimitInSeconds": 120, "totalBytesPerSession": 2048,
        "filters": [{"protocol": "TCP", "remotePort": "443", "remoteIPAddress": "192.0.2.7"}],
    }  # fmt: skip
    assert made.properties.storage_location.storage_path.endswith(f"{made.name}.cap")
    assert [one.name for one in service.list_azure_captures(context, MACHINE.upper())] == [made.name]
    everything = service.list_azure_captures(context)
    assert {one.name for one in everything} == {made.name}
    assert service.list_azure_captures(acts(state, data, Person("eve", frozenset()))) == []
    _, running = service.read_azure_capture(context, made.id)
    assert (running.packet_capture_status, running.stop_reason) == ("Running", "")
    service.stop_azure_capture(context, made.id, "seen enough")
    capture, stopped = service.read_azure_capture(acts(state, data, READER), made.id)
    assert (stopped.packet_capture_status, stopped.stop_reason) == ("Stopped", "ManuallyStopped")
    assert capture.properties.storage_location.storage_id == STORAGE
    told = [(one.operation, one.outcome, one.author) for one in state.audit.entries(most=10)]
    assert sorted(told) == sorted(
        (one, outcome, "kim") for one in (WRITE, STOP) for outcome in ("Started", "Succeeded")
    )
    assert manager.tokens == {"Bearer secret-token"}


def test_a_refusal_of_azure_is_told_audited_and_has_no_token(
    manager: ReplayedManager, data: Path, state: State
) -> None:
    error = {
        "error": {"code": "VMExtensionNotFound", "message": "The NetworkWatcher extension is not installed."}
    }
    manager.refusal = (400, error)
    with pytest.raises(StateError, match=r"returned 400: .*extension is not installed") as raised:
        service.start_azure_capture(acts(state, data), MACHINE, AzureCaptureRequest(), "why")
    assert "secret-token" not in str(raised.value)
    assert [one.outcome for one in state.audit.entries(most=10)] == ["Failed", "Started"]


@pytest.mark.parametrize(
    ("asked", "operator", "reason"),
    [
        ({"remote_address": "web"}, {}, "is not an IP address"), ({"storage": MACHINE}, {}, "is not a storage account"),
        ({"storage": "captures"}, {}, "is not a resource ID"), ({}, {"storage": ""}, "a storage account is required"),
        ({}, {"sign_in": ""}, "must name a sign-in"), ({}, None, "must name a sign-in"), ({}, {"cloud": "nowhere"}, "nowhere"),
    ],
)  # fmt: skip
def test_what_is_not_allowed_or_cannot_be_meant_reaches_no_azure(
    manager: ReplayedManager,
    data: Path,
    state: State,
    asked: dict[str, Any],
    operator: dict[str, Any] | None,
    reason: str,
) -> None:
    known = yaml.safe_load((data / FILE).read_text())["captures"]
    write_operator(data, {} if operator is None else {"captures": {**known, **operator}})
    with pytest.raises(StateError, match=reason):
        service.start_azure_capture(acts(state, data), MACHINE, AzureCaptureRequest(**asked), "why")
    assert manager.requests == []


def test_rights_are_wanted_at_the_machine(manager: ReplayedManager, data: Path, state: State) -> None:
    made = service.start_azure_capture(acts(state, data), MACHINE, AzureCaptureRequest(), "why")
    with pytest.raises(DeniedError):
        service.start_azure_capture(acts(state, data, READER), MACHINE, AzureCaptureRequest(), "why")
    with pytest.raises(DeniedError):
        service.stop_azure_capture(acts(state, data, READER), made.id, "why")
    with pytest.raises(DeniedError):
        service.list_azure_captures(acts(state, data, Person("nobody", frozenset())), MACHINE)
    assert [method for method, place, _ in manager.requests if method != "GET"] == ["PUT"]


def test_a_storage_account_that_is_named_wants_the_right_to_its_keys(
    manager: ReplayedManager, data: Path, state: State
) -> None:
    other = AzureCaptureRequest(storage=f"{STORAGE}2")
    with pytest.raises(DeniedError):
        service.start_azure_capture(acts(state, data), MACHINE, other, "why")
    assert manager.requests == []
    trusted = Person("kim", EVERYTHING.rights | {STORAGE_KEYS})
    made = service.start_azure_capture(acts(state, data, trusted), MACHINE, other, "why")
    assert made.properties.storage_location.storage_id == f"{STORAGE}2"


def test_a_capture_that_may_not_be_read_is_as_one_that_is_not_there(
    manager: ReplayedManager, data: Path, state: State
) -> None:
    made = service.start_azure_capture(acts(state, data), MACHINE, AzureCaptureRequest(), "why")
    nobody = acts(state, data, Person("nobody", frozenset()))
    for id_ in (made.id, f"{WATCHER}/packetCaptures/none"):
        for act in (service.read_azure_capture, lambda *given: service.stop_azure_capture(*given, "why")):
            with pytest.raises(NotFoundError) as raised:
                act(nobody, id_)
            assert str(raised.value) == f"packet capture {id_!r} not found"
    assert not any(place.endswith("/stop") for _, place, _ in manager.requests)


@pytest.mark.parametrize(
    ("machine", "error", "reason"),
    [
        (MACHINE.replace("web1", "gone"), NotFoundError, "not found in the stored estate"), ("web1", StateError, "not a resource ID"),
        (STORAGE, StateError, "is not a virtual machine"),
    ],
)  # fmt: skip
def test_a_machine_that_is_none_is_refused(
    manager: ReplayedManager, data: Path, state: State, machine: str, error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        service.start_azure_capture(acts(state, data), machine, AzureCaptureRequest(), "why")
    assert manager.requests == []


@pytest.mark.parametrize(
    "id_",
    [
        f"{WATCHER}/packetCaptures/a/stop",
        f"{WATCHER}/packetCaptures/a?x=1",
        f"{WATCHER}/packetCaptures/..",
        f"{WATCHER}/packetCaptures/%2e%2e",
        WATCHER.replace("NetworkWatcherRG", "..") + "/packetCaptures/a",
        "/a",
        MACHINE,
    ],
)
def test_an_id_that_is_none_of_a_capture_is_refused(
    manager: ReplayedManager, data: Path, state: State, id_: str
) -> None:
    with pytest.raises(StateError, match="is not the resource ID of a packet capture"):
        service.read_azure_capture(acts(state, data), id_)
    assert manager.requests == []


def test_the_token_follows_no_result_to_another_server(
    manager: ReplayedManager, data: Path, state: State
) -> None:
    made = service.start_azure_capture(acts(state, data), MACHINE, AzureCaptureRequest(), "why")
    manager.place = "http://127.0.0.1:9"
    with pytest.raises(StateError, match="another server"):
        service.read_azure_capture(acts(state, data), made.id)


def test_an_operation_without_an_end_is_given_up(manager: ReplayedManager) -> None:
    from nephoscope.connect.credentials import TokenProvider

    pauses: list[float] = []
    manager.captures["a"] = {}
    manager._status = lambda _: None  # type: ignore[assignment, method-assign, return-value]
    client = NetworkWatcherClient(manager.origin, TokenProvider(ReplayedCredential, "scope"), pauses.append)  # type: ignore[arg-type]
    waiting = (202, None, {"Location": f"{manager.origin}/results/a", "Retry-After": "99"})
    manager.answer = lambda *_: waiting  # type: ignore[assignment, method-assign]
    with pytest.raises(NetworkWatcherError, match="ask again later"):
        client.query_status(f"{WATCHER}/packetCaptures/a")
    assert pauses == [10.0] * 10


def test_the_command_says_where_the_file_is(manager: ReplayedManager, data: Path) -> None:
    def run(*words: str) -> str:
        found = CliRunner().invoke(cli, ["--data", str(data), "protect", "captures", "azure", *words])
        assert found.exit_code == 0, found.output
        return found.stdout.strip()

    id_ = run("start", MACHINE, "--reason", "INC-7").partition(": ")[0]
    assert id_ in manager.captures[id_.rsplit("/", 1)[-1]]["id"]
    assert run("status", id_).startswith("Running https://captures.blob.core.windows.net/")
    run("stop", id_, "--reason", "seen")
    assert run("status", id_).startswith("Stopped ManuallyStopped https://")
    assert id_.rsplit("/", 1)[-1] in run("list", MACHINE)
