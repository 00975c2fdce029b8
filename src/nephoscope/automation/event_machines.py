"""Event machines: the machines that an alert or incident names, by resource ID or, for agents without one, by host name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope_policy.model.resource_id import ResourceId

if TYPE_CHECKING:
    from nephoscope.state.hosts.agents import EnrolledAgent

_VIRTUAL_MACHINE = "microsoft.compute/virtualmachines"


@dataclass(frozen=True, slots=True)
class EventMachines:
    """The agents of machines of an event, Azure's virtual machines without an agent by lower-cased id, and the host names that have
    no agent, or not one alone, each with the reason."""

    agents: tuple[EnrolledAgent, ...]
    virtual_machines: tuple[str, ...]
    spared: tuple[tuple[str, str], ...]


def find_event_machines(
    document: Mapping[str, object], agents: Sequence[EnrolledAgent], workspace: str
) -> EventMachines:
    """Find the agents of an event. By host name alone those count that report to its workspace: others are other machines."""
    by_id = {one.resource: one for one in agents}
    named = dict.fromkeys(key for id_ in _read_resource_ids(document) for key in _parse_lineage(id_))
    found = {key: by_id[key] for key in named if key in by_id}
    others = tuple(
        key for key in named if key not in by_id and ResourceId.parse(key).type == _VIRTUAL_MACHINE
    )
    known = {to_host_name(one.computer) for one in found.values()} | {
        to_host_name(key.rpartition("/")[2]) for key in others
    }
    spared: list[tuple[str, str]] = []
    for name in dict.fromkeys(_read_host_names(document)):
        if name in known:
            continue
        several = [one for one in agents if one.workspace == workspace and to_host_name(one.computer) == name]
        if len(several) == 1:
            found[several[0].resource] = several[0]
        else:
            spared.append((name, "several machines have this name" if several else "it has no agent"))
    return EventMachines(tuple(found.values()), others, tuple(spared))


def _read_entities(document: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    entities = document.get("Entities")
    for one in entities if isinstance(entities, list) else ():
        if isinstance(one, Mapping):
            yield one


def _read_resource_ids(document: Mapping[str, object]) -> Iterator[str]:
    yield str(document.get("_ResourceId") or "")
    for one in _read_entities(document):
        for name in ("ResourceId", "AzureID"):
            yield str(one.get(name) or "")


def _read_host_names(document: Mapping[str, object]) -> Iterator[str]:
    for one in _read_entities(document):
        if str(one.get("Type", "")).lower() == "host":
            name = str(one.get("HostName") or one.get("NetBiosName") or "")
            if name:
                yield to_host_name(name)


def to_host_name(computer: str) -> str:
    """Return the lower-cased name of a computer without its domain."""
    return computer.partition(".")[0].lower()


def _parse_lineage(text: str) -> Iterator[str]:
    """Yield the lower-cased id of a resource and of those that it is part of; nothing for text that is none."""
    key = text.rstrip("/").lower()
    while key:
        try:
            one = ResourceId.parse(key)
        except ValueError:
            return
        yield one.key
        key = one.parent
