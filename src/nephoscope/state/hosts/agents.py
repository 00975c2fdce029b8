"""Agents: the machines that are enrolled, how their agents are, and the enrolments that let machines in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import ForeignKey, Integer, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

import nephoscope.state.access.principals
import nephoscope.state.tables.workspace_rows  # noqa: F401 - the tables of foreign keys
from nephoscope.state.database.audit_enforcement import as_product
from nephoscope.state.database.database import Database
from nephoscope.state.database.state_errors import NotFoundError
from nephoscope.state.tables.columns import AuditedRow, Json, UtcDateTime

#: How much newer a report must be for its time to be stored, where it says nothing else.
_SEEN_STEP = timedelta(seconds=20)


class AgentEnrolmentRow(AuditedRow):
    """An enrolment; its code is a secret of its principal."""

    __tablename__ = "agent_enrolments"
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    principal: Mapped[str] = mapped_column(Text, ForeignKey("principals.id"))
    scope: Mapped[str] = mapped_column(Text)
    workspace: Mapped[str] = mapped_column(Text, ForeignKey("workspaces.name"))
    location: Mapped[str] = mapped_column(Text)
    most: Mapped[int] = mapped_column(Integer)
    used: Mapped[int] = mapped_column(Integer)
    expires: Mapped[datetime] = mapped_column(UtcDateTime)
    author: Mapped[str] = mapped_column(Text)
    created: Mapped[datetime] = mapped_column(UtcDateTime)


class AgentRow(AuditedRow):
    """An agent by the lower-cased ARM id of its machine."""

    __tablename__ = "agents"
    resource: Mapped[str] = mapped_column(Text, primary_key=True)
    id: Mapped[str] = mapped_column(Text)
    computer: Mapped[str] = mapped_column(Text)
    machine_id: Mapped[str] = mapped_column(Text)
    principal: Mapped[str] = mapped_column(Text, ForeignKey("principals.id"), index=True)
    enrolment: Mapped[str] = mapped_column(Text)
    workspace: Mapped[str] = mapped_column(Text, ForeignKey("workspaces.name"))
    location: Mapped[str] = mapped_column(Text)
    os_name: Mapped[str] = mapped_column(Text)
    architecture: Mapped[str] = mapped_column(Text)
    version: Mapped[str] = mapped_column(Text)
    enrolled: Mapped[datetime] = mapped_column(UtcDateTime)
    seen: Mapped[datetime | None] = mapped_column(UtcDateTime)
    health: Mapped[dict[str, object]] = mapped_column(Json)


@dataclass(frozen=True, slots=True)
class AgentEnrolment:
    """A right to enrol machines: `scope` is the group or subscription that they may become part of, `most` how many may."""

    name: str
    principal: str
    scope: str
    workspace: str
    location: str
    most: int
    used: int
    expires: datetime
    author: str
    created: datetime


class SensorHealth(msgspec.Struct, frozen=True, omit_defaults=True):
    """A sensor of an agent: whether it runs, why not ('' = it does), what it cannot see, and the rows that it read and lost."""

    name: str
    running: bool = True
    reason: str = ""
    limits: tuple[str, ...] = ()
    rows: int = 0
    lost: int = 0


class AgentHealth(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """Health that an agent reports; `lost` counts rows by reason and table that no server will get, `responses` are allowed orders."""

    version: str = ""
    sensors: tuple[SensorHealth, ...] = ()
    lost: dict[str, int] = {}
    disk_error: str = ""
    program: str = ""
    responses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EnrolledAgent:
    """An agent that is enrolled: `id` is the ARM id of its machine, `seen` when it reported last (None = never)."""

    id: str
    computer: str
    machine_id: str
    principal: str
    enrolment: str
    workspace: str
    location: str
    os_name: str
    architecture: str
    version: str
    enrolled: datetime
    seen: datetime | None = None
    health: AgentHealth = field(default_factory=AgentHealth)

    @property
    def resource(self) -> str:
        """The lower-cased ARM id."""
        return self.id.lower()


class Agents:
    """All agents and enrolments; what people change takes the session of the transaction in which it is audited."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[EnrolledAgent]:
        """Return the agents by the ids of their machines."""
        with self._database.read() as session:
            return [
                _build_agent(row) for row in session.scalars(select(AgentRow).order_by(AgentRow.resource))
            ]

    def find(self, id_: str) -> EnrolledAgent | None:
        """Return the agent of a machine by its ARM id, None where it has none."""
        with self._database.read() as session:
            row = session.get(AgentRow, id_.lower().rstrip("/"))
            return None if row is None else _build_agent(row)

    def find_by_principal(self, principal: str) -> EnrolledAgent | None:
        """Return the agent whose key a principal shows, None where it is no agent."""
        with self._database.read() as session:
            row = session.scalar(select(AgentRow).where(AgentRow.principal == principal))
            return None if row is None else _build_agent(row)

    def require(self, name: str) -> EnrolledAgent:
        """Return the agent of an ARM id or of the only machine with a name; NotFoundError where there is none or several."""
        found = self.find(name)
        if found is not None:
            return found
        several = [one for one in self.all() if one.computer.lower() == name.lower()]
        if len(several) != 1:
            reason = "not found" if not several else "is the name of several: use the resource ID"
            raise NotFoundError(f"agent {name!r} {reason}")
        return several[0]

    def put(self, session: Session, agent: EnrolledAgent) -> None:
        """Store an agent in place of the one of the same machine."""
        row = session.get(AgentRow, agent.resource) or AgentRow(resource=agent.resource)
        row.id, row.computer, row.machine_id = agent.id, agent.computer, agent.machine_id
        row.principal, row.enrolment, row.workspace = agent.principal, agent.enrolment, agent.workspace
        row.location, row.os_name, row.architecture = agent.location, agent.os_name, agent.architecture
        row.version, row.enrolled, row.seen = agent.version, agent.enrolled, agent.seen
        row.health = msgspec.to_builtins(agent.health)
        session.add(row)
        session.flush()

    def report(self, agent: EnrolledAgent, health: AgentHealth, now: datetime) -> None:
        """Store when an agent reported and how it is."""
        fresh = agent.seen is not None and now - agent.seen < _SEEN_STEP
        if fresh and health == agent.health:
            return
        with as_product("reports of agents"), self._database.write() as session:
            row = session.get(AgentRow, agent.resource)
            if row is not None:
                row.seen, row.health = now, msgspec.to_builtins(health)
                row.version = health.version or row.version

    def remove(self, session: Session, id_: str) -> None:
        """Forget an agent; NotFoundError where there is none."""
        row = session.get(AgentRow, id_.lower())
        if row is None:
            raise NotFoundError(f"agent {id_!r} not found")
        session.delete(row)
        session.flush()

    def enrolments(self) -> list[AgentEnrolment]:
        """Return the enrolments by name."""
        with self._database.read() as session:
            rows = session.scalars(select(AgentEnrolmentRow).order_by(AgentEnrolmentRow.name))
            return [_build_enrolment(row) for row in rows]

    def find_enrolment(self, session: Session, principal: str) -> AgentEnrolment | None:
        """Return the enrolment whose code a principal shows, locked for the transaction; None for another principal."""
        query = select(AgentEnrolmentRow).where(AgentEnrolmentRow.principal == principal).with_for_update()
        row = session.scalar(query)
        return None if row is None else _build_enrolment(row)

    def put_enrolment(self, session: Session, enrolment: AgentEnrolment) -> None:
        """Store an enrolment in place of the one of its name."""
        values = {name: getattr(enrolment, name) for name in AgentEnrolment.__slots__}
        session.merge(AgentEnrolmentRow(**values))
        session.flush()

    def remove_enrolment(self, session: Session, name: str) -> AgentEnrolment:
        """Forget an enrolment; NotFoundError where there is none. Machines that it let in stay."""
        row = session.get(AgentEnrolmentRow, name)
        if row is None:
            raise NotFoundError(f"enrolment {name!r} not found")
        found = _build_enrolment(row)
        session.delete(row)
        session.flush()
        return found


def _build_agent(row: AgentRow) -> EnrolledAgent:
    return EnrolledAgent(
        row.id, row.computer, row.machine_id, row.principal, row.enrolment, row.workspace, row.location, row.os_name,
        row.architecture, row.version, row.enrolled, row.seen, msgspec.convert(row.health, AgentHealth),
    )  # fmt: skip


def _build_enrolment(row: AgentEnrolmentRow) -> AgentEnrolment:
    return AgentEnrolment(
        row.name,
        row.principal,
        row.scope,
        row.workspace,
        row.location,
        row.most,
        row.used,
        row.expires,
        row.author,
        row.created,
    )
