"""Agents of hosts: listed, shown, removed; and the enrolments that let machines in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated

import msgspec

from nephoscope.operations.declaration.operation import (
    ApiRoute,
    CommandLine,
    OperationCall,
    OperationGroup,
    any_part_scope,
    translate_errors,
)
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import PLAIN, Shape
from nephoscope.protect.hosts.agent_status import assess_agent_status, list_blind_spots
from nephoscope.service import agents as service
from nephoscope.service.agents import DELETE, READ, WRITE, AgentRefusedError
from nephoscope.state.hosts.agents import AgentEnrolment, EnrolledAgent

OPERATIONS = OperationGroup("agents", "Agents", "The agent")
EnrolmentName = Annotated[
    str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$(?!\n)", description="Such as web-servers.")
]
Machine = Annotated[
    str, msgspec.Meta(max_length=2000, pattern=PLAIN, description="Name or resource ID of the machine.")
]


class NewEnrolment(Shape, frozen=True, kw_only=True):
    """An enrolment: its code lets `machines` machines become part of a scope until it expires."""

    scope: Annotated[
        str,
        describe(
            "Resource group (or, for virtual machines of Azure, subscription) of the machines.",
            max_length=1000,
            metavar="ID",
        ),
    ]
    workspace: Annotated[
        str, describe("Workspace for the machines' rows.", max_length=128, metavar="NAME")
    ] = "default"
    location: Annotated[
        str, describe("Azure region to show for machines outside of Azure.", max_length=90, pattern=PLAIN)
    ] = ""
    machines: Annotated[int, describe("Number of machines that may enrol.", ge=1, le=100_000)] = 1
    hours: Annotated[int, describe("Lifetime of the code in hours.", ge=1, le=8760)] = 24


class EnrolmentShape(Shape, frozen=True, kw_only=True):
    """An enrolment without its code."""

    name: str
    scope: str
    workspace: str
    location: str
    machines: int
    used: int
    expires: datetime
    author: str
    created: datetime


class EnrolmentCode(Shape, frozen=True, kw_only=True):
    """An enrolment with its code, which is shown this once."""

    enrolment: EnrolmentShape
    code: str


class EnrolmentList(Shape, frozen=True, kw_only=True):
    """Enrolments by name."""

    value: tuple[EnrolmentShape, ...]


class MachineAgentShape(Shape, frozen=True, kw_only=True):
    """An agent: `status` is NeverReported, Disconnected, Degraded or Connected; `blindSpots` is what it cannot see or has lost."""

    resource: str
    computer: str
    status: str
    seen: datetime | None
    version: str
    os_name: str
    architecture: str
    workspace: str
    enrolment: str
    enrolled: datetime
    blind_spots: tuple[str, ...]


class MachineAgentList(Shape, frozen=True, kw_only=True):
    """Agents by the IDs of their machines."""

    value: tuple[MachineAgentShape, ...]


def _describe_blind_spots(found: MachineAgentShape) -> Iterator[str]:
    yield from found.blind_spots


@OPERATIONS.operation(
    WRITE, ApiRoute("POST", "/agentEnrolments/{name}", 201, scoped=None), CommandLine("code", "{code}")
)
def create_enrolment(call: OperationCall, name: EnrolmentName, body: NewEnrolment) -> EnrolmentCode:
    """Create a code with which machines enrol; it is shown once."""
    with translate_errors("body", AgentRefusedError):
        made, code = service.create_enrolment(
            call.service, call.guard, name, body.scope, workspace=body.workspace, location=body.location, most=body.machines,
            lasts=timedelta(hours=body.hours),
        )  # fmt: skip
    return EnrolmentCode(enrolment=_build_enrolment(made), code=code)


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/agentEnrolments", scoped=any_part_scope),
    CommandLine(
        "codes", columns=("name", "scope", "workspace", "used", "machines", "expires", "author"), nothing="no enrolments",
    ),
)  # fmt: skip
def list_enrolments(call: OperationCall) -> EnrolmentList:
    """List enrolments."""
    return EnrolmentList(value=tuple(map(_build_enrolment, service.list_enrolments(call.service))))


@OPERATIONS.operation(
    DELETE, ApiRoute("DELETE", "/agentEnrolments/{name}", 204, scoped=None),
    CommandLine("revoke", "{name}: the code is void; enrolled machines stay"),
)  # fmt: skip
def remove_enrolment(call: OperationCall, name: EnrolmentName) -> None:
    """Revoke the code of an enrolment; machines that are enrolled stay."""
    service.remove_enrolment(call.service, name)


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/agents", scoped=any_part_scope),
    CommandLine(
        "list", columns=("computer", "status", "seen", "version", "osName", "workspace", "resource"), nothing="no agents",
        absent={"seen": "never"},
    ),
)  # fmt: skip
def list_agents(call: OperationCall) -> MachineAgentList:
    """List agents with their status."""
    now = call.service.now
    return MachineAgentList(value=tuple(_build_agent(one, now) for one in service.list_agents(call.service)))


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/agents/{machine}", scoped=None),
    CommandLine("show", "{computer}: {status}, version {version}", notes=_describe_blind_spots),
)  # fmt: skip
def show_agent(call: OperationCall, machine: Machine) -> MachineAgentShape:
    """Show an agent and what it cannot see."""
    return _build_agent(service.find_agent(call.service, machine), call.service.now)


@OPERATIONS.operation(
    DELETE, ApiRoute("DELETE", "/agents/{machine}", 204, scoped=None),
    CommandLine("remove", "{machine}: the key of the agent is void; its rows and facts stay"),
)  # fmt: skip
def remove_agent(call: OperationCall, machine: Machine) -> None:
    """Remove an agent: its key becomes void, and the machine can enrol again."""
    service.remove_agent(call.service, machine)


def _build_enrolment(one: AgentEnrolment) -> EnrolmentShape:
    return EnrolmentShape(
        name=one.name, scope=one.scope, workspace=one.workspace, location=one.location, machines=one.most, used=one.used,
        expires=one.expires, author=one.author, created=one.created,
    )  # fmt: skip


def _build_agent(one: EnrolledAgent, now: datetime) -> MachineAgentShape:
    return MachineAgentShape(
        resource=one.id, computer=one.computer, status=assess_agent_status(one, now).value, seen=one.seen, version=one.version,
        os_name=one.os_name, architecture=one.architecture, workspace=one.workspace, enrolment=one.enrolment,
        enrolled=one.enrolled, blind_spots=list_blind_spots(one.health),
    )  # fmt: skip
