"""Fact merge: add external facts to a tenant's estate; the newer of two bodies wins, claims join the manifest."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace

from nephoscope.estate.coverage import choose_older_time
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.source_location import Place, Quarantined
from nephoscope_policy.report_age import find_report_time

if TYPE_CHECKING:
    from nephoscope.collect.resources.external_facts import LearnedResources
    from nephoscope_policy.model.resource import Resource


@dataclass(slots=True)
class LearnedFacts:
    """The external facts about a tenant. `snapshot` tells when the snapshot read its scopes, `placed` when the documents were
    made that hold in its place."""

    snapshot: Coverage = field(default_factory=lambda: Coverage({}))
    placed: dict[str, datetime] = field(default_factory=dict)
    _newest: dict[str, tuple[datetime, Resource]] = field(default_factory=dict)
    _claims: defaultdict[str, dict[str, datetime]] = field(default_factory=lambda: defaultdict(dict))
    _expired: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Claims of external facts are no times of the snapshot."""
        self.snapshot = replace(self.snapshot, claimed_at={})

    def without_facts(self) -> LearnedFacts:
        """None yet, beside the same snapshot."""
        return LearnedFacts(self.snapshot)

    def read(self, manifest: Coverage) -> None:
        """Note a manifest of the snapshot; of two times of a scope the older holds, as where manifests are merged."""
        times = dict(self.snapshot.read_at)
        for scope, time in manifest.read_at.items():
            times[scope] = choose_older_time(time, times.get(scope, time))
        self.snapshot = replace(self.snapshot, read_at=times)

    def add_claim(self, item: LearnedResources) -> None:
        """Note a claim with its documents."""
        claims = self._claims[item.scope]
        claims[item.entry] = max(item.read_at, claims.get(item.entry, item.read_at))
        if not item.holds:
            self._expired.add((item.scope, item.entry))
        for one in item.resources:
            self.add(one, item.read_at)

    def add(self, resource: Resource, read_at: datetime) -> None:
        """Note a document; of two of one id the newer holds."""
        held = self._newest.get(resource.key)
        if held is None or held[0] < read_at:
            self._newest[resource.key] = (read_at, resource)

    def merge_claims(self, coverage: Coverage) -> Coverage:
        """The manifest with what the claims say; nothing is said of what is beside them."""
        if not self._claims:
            return coverage
        scopes = dict(coverage.scopes)
        for scope, claims in self._claims.items():
            held = frozenset(entry for entry in claims if (scope, entry) not in self._expired)
            if held:
                scopes[scope] = scopes.get(scope, frozenset()) | held
        return replace(coverage, scopes=scopes, claimed_at={**coverage.claimed_at, **self._claims})

    def merge_into(self, bodies: dict[str, Resource]) -> tuple[list[Quarantined], int]:
        """Put the documents among the bodies of the snapshot; what contradicts which, and how many bodies gave way."""
        conflicts: list[Quarantined] = []
        given_way = 0
        for key, (read_at, own) in self._newest.items():
            held = bodies.get(key)
            if held is not None and held.complete:
                given_way += 1
                if not self._is_newer(own, read_at, held, conflicts):
                    continue
            bodies[key] = own
            self.placed[key] = read_at
        return conflicts, given_way

    def _is_newer(
        self, own: Resource, read_at: datetime, held: Resource, conflicts: list[Quarantined]
    ) -> bool:
        """Return whether an own document holds; where no time tells, that of the snapshot does, and the conflict is told."""
        theirs = find_report_time(held) or self.snapshot.find_read_time(held.key)
        if theirs is None:
            if own.body.get("properties") != held.body.get("properties"):
                conflicts.append(Quarantined(Place("external facts"), _describe_conflict(held)))
            return False
        return (find_report_time(own) or read_at) > theirs


def _describe_conflict(held: Resource) -> str:
    return (
        f"{held.key}: an external fact contradicts the snapshot, which does not tell when it was read, so that the snapshot holds: "
        "collect it with its times (coverage.json), or take the fact back with `nephoscope facts remove`"
    )
