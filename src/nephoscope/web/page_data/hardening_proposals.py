"""Hardening proposals of what was published: each with its machine and its name in addresses."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec

from nephoscope.automation.rule_change_plan import GroupChange
from nephoscope.posture.published.kinds.adaptive_network_hardenings import TYPE, HardeningProposal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nephoscope.model.read_scope import Reach
    from nephoscope.posture.published.published_snapshot import PublishedSnapshot


class _HardeningProperties(msgspec.Struct, frozen=True):
    proposals: tuple[HardeningProposal, ...] = ()


class _HardeningDocument(msgspec.Struct, frozen=True):
    id: str
    properties: _HardeningProperties


class HardeningRow(msgspec.Struct, frozen=True):
    """A proposal for an address of a machine."""

    machine: str
    proposal: HardeningProposal

    @property
    def name(self) -> str:
        """The name of the machine."""
        return self.machine.rsplit("/", 1)[-1]

    @property
    def key(self) -> str:
        """Name the proposal in an address."""
        one = self.proposal
        text = "\n".join((self.machine, one.interface, one.rule, one.address)).lower()
        return blake2b(text.encode(), digest_size=8).hexdigest()

    @property
    def change(self) -> GroupChange:
        """Return the change of the group that enforces it."""
        return GroupChange(self.proposal.group.lower(), self.proposal.security_rules)


def list_proposals(snapshot: PublishedSnapshot, reach: Reach) -> Sequence[HardeningRow]:
    """Return the proposals that may be read, those that close most first."""
    return snapshot.get_or_compute(
        ("hardening proposals", reach), lambda: _read_hardening_rows(snapshot, reach)
    )


def _read_hardening_rows(snapshot: PublishedSnapshot, reach: Reach) -> tuple[HardeningRow, ...]:
    return tuple(sorted(_list_rows(snapshot, reach), key=_build_sort_key))


def _build_sort_key(row: HardeningRow) -> tuple[int, str]:
    return row.proposal.open_after - row.proposal.open_before, row.key


def _list_rows(snapshot: PublishedSnapshot, reach: Reach) -> Iterator[HardeningRow]:
    for body in snapshot.listing.iterate_documents((TYPE.lower(),), reach):
        found = msgspec.convert(body, _HardeningDocument)
        machine = found.id.split("/providers/Microsoft.Security/", maxsplit=1)[0]
        for one in found.properties.proposals:
            yield HardeningRow(machine, one)
