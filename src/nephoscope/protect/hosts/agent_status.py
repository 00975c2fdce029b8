"""Agent status: whether an agent reports, and what it cannot see."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from nephoscope.state.hosts.agents import AgentHealth, EnrolledAgent

#: An agent reports every minute; two reports may be lost before it counts as disconnected.
SILENT_AFTER = timedelta(minutes=3)


class AgentStatus(StrEnum):
    """State of an agent."""

    NEVER = "NeverReported"
    DISCONNECTED = "Disconnected"
    DEGRADED = "Degraded"
    CONNECTED = "Connected"


def assess_agent_status(agent: EnrolledAgent, now: datetime) -> AgentStatus:
    """Return how an agent is at a time; one that lost rows or lacks a sensor is degraded."""
    if agent.seen is None:
        return AgentStatus.NEVER
    if now - agent.seen > SILENT_AFTER:
        return AgentStatus.DISCONNECTED
    return AgentStatus.DEGRADED if list_blind_spots(agent.health) else AgentStatus.CONNECTED


def list_blind_spots(health: AgentHealth) -> tuple[str, ...]:
    """Return what an agent cannot see or has lost, a sentence each."""
    found = [f"{one.name}: {one.reason}" for one in health.sensors if not one.running]
    found += [f"{one.name}: {limit}" for one in health.sensors for limit in one.limits]
    found += [f"{one.name}: {one.lost:,} events lost" for one in health.sensors if one.lost]
    found += [f"{reason}: {count:,} rows lost" for reason, count in sorted(health.lost.items())]
    if health.disk_error:
        found.append(f"disk: {health.disk_error}")
    return tuple(found)
