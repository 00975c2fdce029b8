"""The page of Network Watcher captures: without a sign-in, and against a replayed Resource Manager: start, list, state, stop."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import quote

import msgspec
import pytest
import yaml
from tests.web.conftest import ALERT, HERE

from nephoscope.automation.actions.capture import CapturePlan
from nephoscope.automation.azure_machine_captures import PlannedAzureCapture
from nephoscope.automation.operator_policy import FILE
from nephoscope.connect.network_watcher_client import (
    AzureCapture,
    AzureCaptureProperties,
    AzureCaptureStatus,
    AzureStorageLocation,
    NetworkWatcherError,
)
from nephoscope.service import azure_captures as service
from nephoscope.state.automation.automation_runs import AutomationRun, RunStatus

PATH = "/network/azure-captures"
WATCHER = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/networkWatchers/nw"
MACHINE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/web1"
STORAGE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/keep"


class ReplayedWatcher:
    """Network Watcher with its captures in memory."""

    def __init__(self) -> None:
        self.captures: dict[str, AzureCapture] = {}
        self.stopped: set[str] = set()
        self.refusal = ""

    def create(self, watcher: str, name: str, properties: AzureCaptureProperties) -> AzureCapture:
        self._check()
        made = AzureCapture(f"{watcher}/packetCaptures/{name}", name, properties)
        self.captures[made.id] = made
        return made

    def list(self, watcher: str) -> tuple[AzureCapture, ...]:
        self._check()
        return tuple(one for id_, one in self.captures.items() if id_.startswith(f"{watcher}/"))

    def get(self, id_: str) -> AzureCapture:
        if id_ not in self.captures:
            raise NetworkWatcherError("not there", 404)
        return self.captures[id_]

    def query_status(self, id_: str) -> AzureCaptureStatus:
        if id_ in self.stopped:
            return AzureCaptureStatus("Stopped", "ManuallyStopped")
        return AzureCaptureStatus("Running")

    def stop(self, id_: str) -> None:
        self.stopped.add(id_)

    def _check(self) -> None:
        if self.refusal:
            raise NetworkWatcherError(self.refusal, 403)


@pytest.fixture
def watcher(instance, monkeypatch) -> Iterator[ReplayedWatcher]:
    """The operator allows captures, and Azure is replayed."""
    replayed = ReplayedWatcher()
    path = instance.data / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.read_bytes() if path.exists() else None
    path.write_text(yaml.safe_dump({"captures": {"sign_in": "default", "storage": STORAGE}}))
    monkeypatch.setattr(service, "_open_client", lambda _: (replayed, STORAGE))
    monkeypatch.setattr(service, "_find_watcher", lambda *_: WATCHER)  # the sample has none
    monkeypatch.setattr(service, "_list_watchers", lambda _: [WATCHER])
    yield replayed
    if before is None:
        path.unlink()
    else:
        path.write_bytes(before)


def test_without_a_sign_in_it_says_what_is_needed(owner) -> None:
    page = owner.get(PATH).text
    assert "captures.sign_in" in page
    assert "Start a capture" not in page


def test_a_capture_is_started_listed_shown_and_stopped(owner, watcher) -> None:
    form = {"act": "start", "machine": MACHINE, "reason": "Beacon", "protocol": "tcp", "local_port": "443", "seconds": "60",
            "bytes": "4096", "storage": "", "remote_port": "0", "remote_address": ""}  # fmt: skip
    started = owner.post(PATH, data=form, headers=HERE)
    assert started.status_code == 303, started.text
    one = started.headers["location"]
    shown = owner.get(one).text
    assert ">Running<" in shown
    assert "Started." in shown
    assert "TCP, local port 443" in shown
    listed = owner.get(f"{PATH}?format=csv").text
    assert "1 minute or 4 KiB,keep," in listed
    assert ">web1<" in unescape(owner.get(PATH).text)
    place = re.sub("[?&]done=start", "", one)
    refused = owner.post(place, data={"act": "stop", "reason": " "}, headers=HERE)
    assert (refused.status_code, "justification" in refused.text) == (400, True)
    assert owner.post(place, data={"act": "stop", "reason": "seen"}, headers=HERE).status_code == 303
    assert "ManuallyStopped" in owner.get(place).text
    assert "Stop capture" not in owner.get(place).text


def test_what_azure_refuses_is_shown_and_nothing_is_taken_for_an_empty_list(owner, watcher) -> None:
    watcher.refusal = "GET returned 403: no right"
    page = owner.get(PATH).text
    assert "Captures not read" in page
    assert "no right" in page
    assert "Azure has no captures" not in page


def test_an_alert_and_its_incident_lead_to_the_captures_that_a_rule_began(owner, visitor, instance) -> None:
    id_, now = f"{WATCHER}/packetCaptures/nephoscope-1", instance.state.database.local_time()
    planned = PlannedAzureCapture(
        MACHINE.lower(),
        "web1",
        WATCHER,
        "nephoscope-1",
        AzureCaptureProperties(MACHINE, AzureStorageLocation(STORAGE)),
    )
    plan = CapturePlan((), {}, (), (planned,))
    run = AutomationRun(
        "0c1", "default", "packets", "capture", {"action": "capture"}, "alert.created", ALERT, {}, RunStatus.DONE, now, now, now,
        plan=msgspec.to_builtins(plan), detail="Network Watcher captures on web1",
    )  # fmt: skip
    with instance.state.transaction() as session:
        instance.state.automation_runs.put(session, run)
        alert = instance.state.alerts.find_alert(session, ALERT)
    link = re.compile(
        rf'href="[^"]*azure-captures\?[^"]*capture={quote(id_, safe="")}[^"]*">Capture of web1<'
    )
    for place in (f"/alerts/{ALERT}", f"/incidents/{alert.incident}"):
        assert link.search(owner.get(f"{place}?workspace=default").text), place
    # who may not read captures of the machine sees no link
    page = visitor(("Security Reader", "/")).get(f"/alerts/{ALERT}").text
    assert "Network Watcher captures on web1" in page
    assert "Capture of web1" not in page
