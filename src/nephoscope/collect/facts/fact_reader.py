"""Fact reader: external facts for the loading of a snapshot, read from the state once its subscriptions are known."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from nephoscope.collect.facts.fact_recording import FORGOTTEN
from nephoscope.collect.resources.external_facts import LearnedResources
from nephoscope.files.snapshot_files import SourceFile
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.report_age import is_fresh

if TYPE_CHECKING:
    from nephoscope.state import State
    from nephoscope.state.estate.external_facts import ExternalFacts

_PLACE = SourceFile(Path("external facts"), Path("external facts"))


class FactReader(msgspec.Struct, frozen=True):
    """Reads external facts where `opened` gives a state, as they are at an aware time.

    With `everywhere` it reads those of subscriptions too that no target holds.
    """

    opened: Callable[[], AbstractContextManager[State | None]] = nullcontext
    everywhere: bool = False
    now: datetime = msgspec.field(default_factory=lambda: datetime.now(UTC))

    def __call__(self, subscriptions: Collection[str]) -> Iterator[LearnedResources]:
        """The external facts beside a snapshot of some lower-cased subscriptions."""
        with self.opened() as state:
            if state is not None:
                for one in state.external_facts.all(None if self.everywhere else subscriptions):
                    yield load_claim(one, self.now)

    def list_forgotten(self) -> frozenset[str]:
        """The lower-cased ids and the claims of facts that were taken back since an evaluation was kept."""
        with self.opened() as state:
            return frozenset() if state is None else frozenset(state.checkpoints.all(FORGOTTEN))


def load_claim(facts: ExternalFacts, now: datetime) -> LearnedResources:
    """A claim with its documents as the loading takes it at a time."""
    scope, entry = facts.claim
    resources = tuple(Resource.of(body) for body in facts.documents)
    young = is_fresh(facts.type, facts.read_at, now)
    return LearnedResources(
        resources, scope, entry, facts.read_at, facts.subscription, facts.tenant, _PLACE, young
    )
