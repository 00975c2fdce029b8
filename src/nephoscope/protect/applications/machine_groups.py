"""Groups of similar machines: those of one subscription and system that execute mostly the same programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from nephoscope.protect.applications.program_sighting import ProgramSighting

#: The share of programs (Jaccard index) that a machine has in common with the usual ones of its group.
SIMILAR = 0.5
Programs = Mapping[str, frozenset[str]]


class MachineGroup(msgspec.Struct, frozen=True):
    """Machines, by lower-cased resource ID, with what they executed."""

    subscription: str
    system: str
    machines: tuple[str, ...]
    sightings: tuple[ProgramSighting, ...]


def group_machines(sightings: Iterable[ProgramSighting]) -> list[MachineGroup]:
    """Return the groups, each machine in one, largest first; the order of the sightings does not matter."""
    found: dict[tuple[str, str, str], list[ProgramSighting]] = {}
    for one in sightings:
        found.setdefault((one.machine.split("/")[2], one.system, one.machine), []).append(one)
    apart: dict[tuple[str, str], dict[str, list[ProgramSighting]]] = {}
    for (subscription, system, machine), several in found.items():
        apart.setdefault((subscription, system), {})[machine] = several
    groups = [
        MachineGroup(
            subscription, system, tuple(sorted(machines)), tuple(one for name in sorted(machines) for one in known[name])
        )
        for (subscription, system), known in apart.items()
        for machines in cluster_machines({name: frozenset(one.key for one in several) for name, several in known.items()})
    ]  # fmt: skip
    return sorted(groups, key=lambda one: (-len(one.machines), one.machines))


def cluster_machines(programs: Programs) -> list[list[str]]:
    """Return machines that are similar: each joins the group whose usual programs it shares most, else begins one.

    Machines with the most programs go first, so that a group begins with one that shows what is usual.
    """
    clusters: list[list[str]] = []
    counts: list[Counter[str]] = []
    for machine in sorted(programs, key=lambda one: (-len(programs[one]), one)):
        shares = [
            _compute_similarity(programs[machine], count, len(clusters[at]))
            for at, count in enumerate(counts)
        ]
        best = max(range(len(shares)), key=shares.__getitem__, default=-1)
        if best < 0 or shares[best] < SIMILAR:
            clusters.append([])
            counts.append(Counter())
            best = len(clusters) - 1
        clusters[best].append(machine)
        counts[best].update(programs[machine])
    return clusters


def _compute_similarity(programs: frozenset[str], counts: Counter[str], size: int) -> float:
    """The Jaccard index of programs and those that at least half of a group's machines have."""
    usual = {name for name, count in counts.items() if 2 * count >= size}
    return len(programs & usual) / (len(programs | usual) or 1)
