"""Captures of Network Watcher for actions: planned for virtual machines without an agent, started once, and stopped by undo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import msgspec

from nephoscope.automation.action import ActionError
from nephoscope.automation.event_machines import to_host_name
from nephoscope.automation.network_watcher import (
    STOP,
    WRITE,
    build_filters,
    find_capture,
    find_watcher,
    is_running,
    list_captures,
    open_network_watcher,
)
from nephoscope.automation.operator_policy import CapturePolicy
from nephoscope.connect.network_watcher_client import (
    AzureCaptureProperties,
    AzureStorageLocation,
    NetworkWatcherClient,
    NetworkWatcherError,
)
from nephoscope.protect.capture.capture_request import CaptureRequest
from nephoscope.state import NotFoundError, State, StateError
from nephoscope.state.audit.actor import Actor
from nephoscope.state.automation.automation_runs import AutomationRun

_EXCLUDED, _UNDER_WAY = "operator.yaml excludes it", "a capture is under way"


class PlannedAzureCapture(msgspec.Struct, frozen=True):
    """A capture of a plan: the lower-cased id of its machine, the machine's name, and the capture as Azure is asked for it."""

    machine: str
    name: str
    watcher: str
    capture: str
    properties: AzureCaptureProperties

    @property
    def id(self) -> str:
        """Return the resource ID of the capture."""
        return f"{self.watcher}/packetCaptures/{self.capture}"


def list_azure_captures(plan: Mapping[str, object]) -> tuple[PlannedAzureCapture, ...]:
    """Return the captures of Network Watcher of a plan of the action `capture`."""
    return msgspec.convert(plan.get("azure", ()), tuple[PlannedAzureCapture, ...])


def is_named(names: Sequence[str], machine: str, computer: str) -> bool:
    """Return whether a list of machines has one, by its lower-cased id or by its name with or without the domain."""
    listed = {one.lower().rstrip("/") for one in names}
    return bool(listed & {machine, computer.lower(), to_host_name(computer)})


def explain_unsupported_request(request: CaptureRequest) -> str:
    """Return what of a request Network Watcher cannot do, '' where it can do it all."""
    if request.protocol not in ("any", "tcp", "udp"):
        return f"Network Watcher has no filter for {request.protocol}"
    if request.interface != "any":
        return "Network Watcher captures on all interfaces alone"
    if request.ring:
        return "Network Watcher keeps the first packets, not the newest (ring)"
    if request.above or request.times:
        return "Network Watcher waits for no threshold (above, times)"
    return ""


@dataclass(frozen=True, slots=True)
class AzureMachineCaptures:
    """Captures of Azure's virtual machines, as far as operator.yaml allows them."""

    allowed: CapturePolicy
    data: Path
    state: State

    def plan(
        self,
        machines: Sequence[str],
        request: CaptureRequest,
        run: AutomationRun,
        spared: list[tuple[str, str]],
        planned: int,
    ) -> tuple[PlannedAzureCapture, ...]:
        """Return the captures that would start; machines beyond the limit (`planned` have one already) and others that are left alone
        are added to `spared` with the reason. Raises ActionError where Azure cannot be asked."""
        chosen: list[PlannedAzureCapture] = []
        for machine in machines:
            name = machine.rpartition("/")[2]
            why = self._explain_refused_machine(machine) or explain_unsupported_request(request)
            if not why and planned + len(chosen) >= self.allowed.most:
                why = f"over {self.allowed.most} machines at once"
            if not why:
                try:
                    watcher = find_watcher(self.data, machine)
                except (NotFoundError, StateError) as error:
                    why = str(error)
            if not why and self._is_machine_capturing(watcher, machine):
                why = _UNDER_WAY
            if why:
                spared.append((name, why))
            else:
                chosen.append(self._build_planned_capture(machine, name, watcher, request, run))
        return tuple(chosen)

    def check(self, planned: Sequence[PlannedAzureCapture]) -> None:
        """Raise ActionError for a machine of a plan that is not to be captured on any more."""
        for one in planned:
            if why := self._explain_refused_machine(one.machine):
                raise ActionError(f"{one.name} cannot be captured on any more: {why}", again=False)

    def start(
        self, planned: Sequence[PlannedAzureCapture], run: AutomationRun
    ) -> tuple[list[str], list[str]]:
        """Start captures, each once however often this is tried, where no other is under way.

        Returns the names of the machines with a capture of the plan, and of those with another one. Raises ActionError.
        """
        begun, busy = list[str](), list[str]()
        for one in planned:
            with _translate_refusals():
                client = self._open_client()
                if find_capture(client, one.id) is None:
                    if self._is_machine_capturing(one.watcher, one.machine):
                        busy.append(one.name)
                        continue
                    with self._audit(run, WRITE, one, {"properties": msgspec.to_builtins(one.properties)}):
                        client.create(one.watcher, one.capture, one.properties)
                begun.append(one.name)
        return begun, busy

    def stop(self, planned: Sequence[PlannedAzureCapture], run: AutomationRun) -> list[str]:
        """Stop the captures of a plan that run; returns the names of their machines. Raises ActionError."""
        stopped = []
        for one in planned:
            with _translate_refusals():
                client = self._open_client()
                if find_capture(client, one.id) is not None and is_running(client, one.id):
                    with self._audit(run, STOP, one, {}):
                        client.stop(one.id)
                    stopped.append(one.name)
        return stopped

    def _open_client(self) -> NetworkWatcherClient:
        """Return the client. Raises ActionError where operator.yaml names no sign-in that works."""
        try:
            return open_network_watcher(self.allowed)
        except StateError as error:
            raise ActionError(str(error), again=False) from error

    def _explain_refused_machine(self, machine: str) -> str:
        """Return why nothing is captured on a machine, '' where it may be."""
        if is_named(self.allowed.never, machine, machine.rpartition("/")[2]):
            return _EXCLUDED
        if not self.allowed.sign_in:
            return (
                "it has no agent, and operator.yaml names no sign-in for Network Watcher (captures.sign_in)"
            )
        if not self.allowed.storage:
            return "operator.yaml names no storage account for files of Network Watcher (captures.storage)"
        return ""

    def _is_machine_capturing(self, watcher: str, machine: str) -> bool:
        """Return whether a capture of a machine has not ended, as Azure has it now. Raises ActionError."""
        with _translate_refusals():
            client = self._open_client()
            return _has_running_capture(client, watcher, machine)

    def _build_planned_capture(
        self, machine: str, name: str, watcher: str, request: CaptureRequest, run: AutomationRun
    ) -> PlannedAzureCapture:
        made = AzureCaptureProperties(
            target=machine, storage_location=AzureStorageLocation(storage_id=self.allowed.storage),
            time_limit_in_seconds=request.seconds, total_bytes_per_session=request.bytes,
            filters=build_filters(_to_azure_filter(request.protocol), _to_azure_filter(request.address), request.port),
        )  # fmt: skip
        # the same name at every try, so that what started without a result is not started twice
        capture = f"nephoscope-{uuid5(NAMESPACE_URL, f'{run.id}/capture{machine}').hex[:12]}"
        return PlannedAzureCapture(machine, name, watcher, capture, made)

    @contextmanager
    def _audit(
        self, run: AutomationRun, operation: str, one: PlannedAzureCapture, detail: dict[str, object]
    ) -> Iterator[None]:
        """Audit a change in Azure in the name of a rule: an entry before it, and one of the outcome."""
        audit_detail = {
            "machine": one.machine, "capture": one.id, "justification": f"{run.kind} {run.subject}", "run": run.id,
            "approvedBy": run.by, **detail,
        }  # fmt: skip
        by = Actor(f"response rule {run.rule}")
        with self.state.announce_change(by, operation, f"packet capture of {one.machine}", audit_detail):
            yield


def _has_running_capture(client: NetworkWatcherClient, watcher: str, machine: str) -> bool:
    return any(
        one.properties.target.lower() == machine and is_running(client, one.id)
        for one in list_captures(client, watcher)
    )


def _to_azure_filter(text: str) -> str:
    """Return a filter of a request as Network Watcher has it: '' for any."""
    return "" if text == "any" else text


@contextmanager
def _translate_refusals() -> Iterator[None]:
    """Raise ActionError for what Azure does not carry out: refusals of the request are final, others may be tried again."""
    try:
        yield
    except NetworkWatcherError as error:
        is_final = 400 <= error.status < 500 and error.status not in (408, 409, 425, 429)
        raise ActionError(str(error), again=not is_final) from error
