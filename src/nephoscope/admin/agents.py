"""Agent routes: enrolment, reports, and the program that machines run."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from nephoscope.admin.wire.admin_request import AdminRequest
from nephoscope.admin.wire.route import RouteSection
from nephoscope.api.wire.azure_error import ApiError, make_bad_request_error
from nephoscope.collect.malware.errors import MalwareRuleError
from nephoscope.ingest.live.ingestion.request_errors import IngestionRefusedError
from nephoscope.ingest.source_failures import LakeBusyError
from nephoscope.operations.declaration.schemas import PLAIN, AnyJson, Shape, Text
from nephoscope.protect.baseline.reported_view import unpack_system
from nephoscope.service import agents as service
from nephoscope.service.agent_signing_key import get_public_key, sign_content
from nephoscope.service.agents import ENROL, REPORT, AgentFacts, AgentRefusedError, MachineIdentity
from nephoscope.service.application_control import sign_machine_policy
from nephoscope.service.malware_scans import SentFile, scan_files
from nephoscope.service.response_orders import sign_orders, store_result
from nephoscope.state.hosts.agents import AgentHealth, EnrolledAgent, SensorHealth
from nephoscope.state.hosts.response_orders import OrderStatus, ResponseOrderError

if TYPE_CHECKING:
    from nephoscope.model.resource_binding import ResourceBinding
    from nephoscope.service.malware_scans import StoreRows as StoreScanRows

SECTION = RouteSection("agents", "Agents")
#: Bytes of a report.
MOST_BYTES = 8 << 20
_AGAIN = 5
OrderId = Annotated[str, msgspec.Meta(max_length=64, pattern=PLAIN)]
Word = Annotated[str, msgspec.Meta(max_length=253, pattern=PLAIN)]
Sentences = Annotated[tuple[Annotated[str, msgspec.Meta(max_length=1000)], ...], msgspec.Meta(max_length=50)]
Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]


class MachineShape(Shape, frozen=True, kw_only=True):
    """A machine that enrols; `azureResourceId` is what Azure's instance metadata service says, '' outside of Azure."""

    computer: Word
    machine_id: Word
    fqdn: Word = ""
    azure_resource_id: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    os_name: Text = ""
    os_version: Text = ""
    architecture: Text = ""
    version: Text = ""


class EnrolledShape(Shape, frozen=True, kw_only=True):
    """The key of a machine, shown this once, and what it is called; `updateKey` is the Ed25519 key of updates."""

    resource: str
    computer: str
    key: str
    update_key: str


class SensorShape(Shape, frozen=True, kw_only=True):
    """A sensor: whether it runs, why not, what it cannot see, and the rows that it read and lost."""

    name: Word
    running: bool = True
    reason: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    limits: Sentences = ()
    rows: Count = 0
    lost: Count = 0


class AgentHealthShape(Shape, frozen=True, kw_only=True):
    """Health of an agent; `lost` counts rows that the server will never get, by reason and table."""

    version: Text = ""
    sensors: Annotated[tuple[SensorShape, ...], msgspec.Meta(max_length=100)] = ()
    lost: Annotated[dict[Word, Count], msgspec.Meta(max_length=500)] = msgspec.field(default_factory=dict)
    disk_error: Text = ""
    program: Text = ""
    responses: Annotated[tuple[Word, ...], msgspec.Meta(max_length=20)] = ()


class AgentFactsShape(Shape, frozen=True, kw_only=True):
    """Documents about the machine, by type: each has the `path` behind the ID of the machine, and all of the type are told."""

    read_at: datetime
    documents: dict[str, tuple[dict[str, AnyJson], ...]]


class AgentSystemShape(Shape, frozen=True, kw_only=True):
    """Files and live state of the machine for its security baseline: JSON, compressed with zlib, in base64."""

    read_at: datetime
    content: bytes


class AgentReportShape(Shape, frozen=True, kw_only=True):
    """Rows by table, counted once for each `sequence` (0 = no rows), with the health of the agent and facts about its machine."""

    sequence: Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)] = 0
    rows: dict[str, tuple[dict[str, AnyJson], ...]] = msgspec.field(default_factory=dict)
    health: AgentHealthShape | None = None
    facts: Annotated[tuple[AgentFactsShape, ...], msgspec.Meta(max_length=100)] = ()
    system: AgentSystemShape | None = None


class AgentReceipt(Shape, frozen=True, kw_only=True):
    """The SHA-256 of the agent that the machine is to run, and why facts were refused."""

    program: str
    refused: tuple[str, ...] = ()


class AgentProgram(Shape, frozen=True, kw_only=True):
    """The agent as a zipapp in base64, with its SHA-256 and the Ed25519 signature of its bytes in hexadecimal."""

    version: str
    sha256: str
    signature: str
    content: str


class SignedOrderShape(Shape, frozen=True, kw_only=True):
    """The JSON of an order and its Ed25519 signature in hexadecimal."""

    content: str
    signature: str


class SignedOrderList(Shape, frozen=True, kw_only=True):
    """Orders that the agent is to carry out, oldest first."""

    value: tuple[SignedOrderShape, ...]


class OrderResultShape(Shape, frozen=True, kw_only=True):
    """The result of an order; `content` is a collected file, or what a script printed, in base64."""

    status: Literal["Succeeded", "Failed", "Refused"]
    message: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    content: bytes = b""


class ScannedFileShape(Shape, frozen=True, kw_only=True):
    """A file of the machine: its path there, and its bytes in base64."""

    path: Annotated[str, msgspec.Meta(max_length=4096)]
    content: bytes


class ScannedFilesShape(Shape, frozen=True, kw_only=True):
    """Files that an order asks for, counted once for each `sequence` of the order."""

    sequence: Annotated[int, msgspec.Meta(ge=1, le=1 << 31)]
    files: Annotated[tuple[ScannedFileShape, ...], msgspec.Meta(max_length=500)]


class ScanReceipt(Shape, frozen=True, kw_only=True):
    """Number of the files that malware rules match."""

    matching: int


class ApplicationPolicyShape(Shape, frozen=True, kw_only=True):
    """A policy as JSON, with the Ed25519 signature of its bytes behind a prefix, in hexadecimal."""

    content: str
    signature: str


@SECTION.route("POST", "/agents/enrol", ENROL, scoped=None)
def enrol_agent(ask: AdminRequest, body: MachineShape) -> EnrolledShape:
    """Enrol a machine by the code of an enrolment, which is the token of the request."""
    update_key = get_public_key(ask.service)
    machine = MachineIdentity(
        body.computer, body.fqdn, body.machine_id, body.azure_resource_id, body.os_name, body.os_version, body.architecture,
        body.version,
    )  # fmt: skip
    try:
        agent, key = service.enrol_machine(ask.service, ask.instance.guard, ask.caller.principal.id, machine)
    except AgentRefusedError as error:
        raise make_bad_request_error(f"{error}.", "body") from error
    return EnrolledShape(resource=agent.id, computer=agent.computer, key=key, update_key=update_key)


@SECTION.route("POST", "/agents/report", REPORT, scoped=None, most=MOST_BYTES)
def take_report(ask: AdminRequest, body: AgentReportShape) -> AgentReceipt:
    """Store what an agent saw: an answer says that the rows are on disk; a sequence that was sent before is not counted again."""
    try:
        agent = service.store_report(
            ask.service,
            ask.caller.principal,
            body.sequence,
            body.rows,
            _read_health(body.health),
            _make_row_writer(ask),
        )
    except AgentRefusedError as error:
        raise make_bad_request_error(f"{error}.", "body") from error
    facts = [AgentFacts(one.read_at, one.documents) for one in body.facts]
    refused = service.store_facts(ask.service, agent, facts)
    if body.system is not None:
        refused += _assess_system(ask, agent, body.system)
    return AgentReceipt(program=service.get_wanted_program(), refused=tuple(refused))


@SECTION.route("GET", "/agents/program", REPORT, scoped=None)
def get_program(ask: AdminRequest) -> AgentProgram:
    """Return the agent that machines are to run."""
    package = service.read_program(ask.service, ask.caller.principal.id)
    return AgentProgram(
        version=package.version, sha256=package.sha256, signature=sign_content(ask.service, package.content),
        content=base64.b64encode(package.content).decode(),
    )  # fmt: skip


@SECTION.route("GET", "/agents/orders", REPORT, scoped=None)
def list_orders(ask: AdminRequest) -> SignedOrderList:
    """Return the approved orders of the machine, each signed with the key of updates."""
    try:
        found = sign_orders(ask.service, ask.caller.principal)
    except ResponseOrderError as error:
        raise make_bad_request_error(f"{error}.", "body") from error
    return SignedOrderList(
        value=tuple(SignedOrderShape(content=one.content, signature=one.signature) for one in found)
    )


@SECTION.route("POST", "/agents/orders/{id}", REPORT, status=204, scoped=None, most=MOST_BYTES)
def answer_order(ask: AdminRequest, id: OrderId, body: OrderResultShape) -> None:  # noqa: A002
    """Store what became of an order of the machine."""
    try:
        store_result(
            ask.service, ask.caller.principal, id, OrderStatus(body.status), body.message, body.content
        )
    except ResponseOrderError as error:
        raise make_bad_request_error(f"{error}.", "body") from error


@SECTION.route("POST", "/agents/orders/{id}/files", REPORT, scoped=None, most=MOST_BYTES)
def scan_sent_files(ask: AdminRequest, id: OrderId, body: ScannedFilesShape) -> ScanReceipt:  # noqa: A002
    """Scan files of the machine for malware, as an order asks for; they are not kept."""
    files = [SentFile(one.path, one.content) for one in body.files]
    try:
        matching = scan_files(
            ask.service, ask.caller.principal, id, body.sequence, files, _make_scan_writer(ask)
        )
    except (ResponseOrderError, MalwareRuleError) as error:
        raise make_bad_request_error(f"{error}.", "body") from error
    return ScanReceipt(matching=matching)


@SECTION.route("GET", "/agents/applicationPolicy", REPORT, scoped=None)
def get_application_policy(ask: AdminRequest) -> ApplicationPolicyShape:
    """Return what may be executed on the machine of the caller."""
    try:
        content, signature = sign_machine_policy(ask.service, ask.caller.principal.id)
    except AgentRefusedError as error:
        raise make_bad_request_error(f"{error}.", "caller") from error
    return ApplicationPolicyShape(content=content, signature=signature)


def _assess_system(ask: AdminRequest, agent: EnrolledAgent, given: AgentSystemShape) -> list[str]:
    """Judge what an agent reports of its machine, and return why that was refused."""
    try:
        system = unpack_system(given.content)
    except ValueError as error:
        raise make_bad_request_error(f"The system is {error}.", "body.system.content") from error
    refused = service.assess_system(ask.service, agent, system, given.read_at)
    return [refused] if refused else []


def _read_health(given: AgentHealthShape | None) -> AgentHealth | None:
    if given is None:
        return None
    sensors = (
        SensorHealth(one.name, one.running, one.reason, one.limits, one.rows, one.lost)
        for one in given.sensors
    )
    return AgentHealth(
        given.version, tuple(sensors), given.lost, given.disk_error, given.program, given.responses
    )


def _make_row_writer(ask: AdminRequest) -> service.StoreRows:
    """Return what stores rows of an agent in the workspace of its enrolment, on disk when it returns."""

    def store(agent: EnrolledAgent, sequence: int, rows: service.Rows, sender: ResourceBinding) -> None:
        _store_rows(ask, agent, f"agent-{agent.principal}", sequence, rows, sender)

    return store


def _make_scan_writer(ask: AdminRequest) -> StoreScanRows:
    """Return what stores rows about files of a machine in the workspace of its enrolment, on disk when it returns."""

    def store(
        agent: EnrolledAgent, order: str, sequence: int, rows: service.Rows, sender: ResourceBinding
    ) -> None:
        _store_rows(ask, agent, f"scan-{order}", sequence, rows, sender)

    return store


def _store_rows(
    ask: AdminRequest,
    agent: EnrolledAgent,
    feed: str,
    sequence: int,
    rows: service.Rows,
    sender: ResourceBinding,
) -> None:
    """Store rows about a machine once for each sequence of a feed. Raises ApiError where the workspace takes none now."""
    door = ask.instance.doors.for_workspace(agent.workspace)
    try:
        door.count(agent.workspace, sum(map(len, rows.values())))
        door.sink.write_batch(feed, sequence, rows=rows, wait=False, sender=sender)
    except IngestionRefusedError as error:
        headers = {"Retry-After": str(error.again)} if error.again else {}
        raise ApiError(error.status, error.code, error.message, headers=headers) from error
    except LakeBusyError as error:
        problem = f"Nothing was ingested: {error}"
        raise ApiError(503, "ServiceUnavailable", problem, headers={"Retry-After": str(_AGAIN)}) from error
