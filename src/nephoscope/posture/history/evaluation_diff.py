"""Evaluation diff: new, fixed, reopened, removed, exempted and retired findings between two evaluations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Protocol

import msgspec
from msgspec.structs import replace

from nephoscope.estate.coverage import was_read
from nephoscope.estate.estate import Estate
from nephoscope.posture.recommendations.finding_subject import Subject
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource_id import ResourceId, split_tenant, with_tenant
from nephoscope_policy.model.state import ComplianceState


class ChangeKind(StrEnum):
    """Kind of change of a finding since the previous evaluation."""

    NEW = "new"
    REOPENED = "reopened"
    FIXED = "fixed"
    EXEMPTED = "exempted"
    REMOVED = "removed"
    RETIRED = "retired"


class RememberedState(msgspec.Struct, frozen=True):
    """Remembered state of a subject: its last state, whether it is open (failing as far as anybody knows), and since when."""

    state: ComplianceState
    open: bool = False
    first_seen: datetime | None = None
    since: datetime | None = None
    fixed: datetime | None = None


class FindingChange(msgspec.Struct, frozen=True):
    """One finding that moved."""

    kind: ChangeKind
    resource: str
    key: str
    before: ComplianceState | None
    after: ComplianceState | None

    @property
    def id(self) -> str:
        """The lower-cased id of the resource, without its tenant."""
        return split_tenant(self.resource)[1]

    @property
    def tenant(self) -> str:
        """The tenant of a resource outside subscriptions, '' for any other or where it is not known."""
        return split_tenant(self.resource)[0]


class Moves(Protocol):
    """Changes of findings, in the order of resources and recommendations, in memory or on disk."""

    def __iter__(self) -> Iterator[FindingChange]: ...

    def __len__(self) -> int: ...

    @property
    def kinds(self) -> Counter[ChangeKind]:
        """Count how many changes there are of each kind, in the order of the kinds."""


class Changes:
    """Changes of findings in memory, in the order of resources and recommendations."""

    def __init__(self, changes: Iterable[FindingChange] = ()) -> None:
        self.by_subject: dict[Subject, FindingChange] = {(one.resource, one.key): one for one in changes}

    def __iter__(self) -> Iterator[FindingChange]:
        return iter(self.by_subject.values())

    def __len__(self) -> int:
        return len(self.by_subject)

    @cached_property
    def kinds(self) -> Counter[ChangeKind]:
        """Count how many changes there are of each kind, in the order of the kinds."""
        found = Counter(one.kind for one in self)
        return Counter({kind: found[kind] for kind in ChangeKind if found[kind]})


def compare(
    past: Mapping[Subject, RememberedState],
    now: Mapping[Subject, ComplianceState],
    exists: Callable[[str], bool],
    covered: Callable[[str], bool],
) -> Iterator[FindingChange]:
    """The changes from a past to the verdicts of now.

    `exists` says whether a resource is in the new snapshot, `covered` whether the new snapshot would have shown it. A finding that
    can no longer be judged, or whose resource lies outside what was read, stays open: it is neither fixed nor removed.
    """
    for subject in sorted(past.keys() | now.keys()):
        kind = _classify_change(past.get(subject), now.get(subject), exists(subject[0]), covered(subject[0]))
        if kind is not None:
            before = past[subject].state if subject in past else None
            yield FindingChange(kind, subject[0], subject[1], before, now.get(subject))


def _classify_change(
    past: RememberedState | None, state: ComplianceState | None, exists: bool, covered: bool
) -> ChangeKind | None:
    if state is ComplianceState.NON_COMPLIANT:
        if past is not None and past.open:
            return None
        return ChangeKind.REOPENED if past is not None and past.first_seen else ChangeKind.NEW
    if past is None or not past.open or state in (ComplianceState.UNKNOWN, ComplianceState.ERROR):
        return None
    if state is ComplianceState.EXEMPT:
        return ChangeKind.EXEMPTED
    if state is not None:
        return ChangeKind.FIXED
    if exists:
        return ChangeKind.RETIRED
    return ChangeKind.REMOVED if covered else None


def check_existence(*estates: Estate) -> Callable[[str], bool]:
    """Return whether the resource of a subject is in one of the estates of some tenants."""
    by_tenant = {estate.tenant: estate for estate in estates}

    def holds(subject: str) -> bool:
        tenant, key = split_tenant(subject)
        if tenant:
            return tenant in by_tenant and key in by_tenant[tenant].resources
        return any(key in estate.resources for estate in estates)

    return holds


def make_coverage_test(*coverages: Coverage) -> Callable[[str], bool]:
    """Return whether a snapshot of some tenants that read this would show the resource of a subject if it existed.

    Which tenant a subscription was of that is in none of them is not known: each may have shown it.
    """

    def reads(subject: str) -> bool:
        tenant, key = split_tenant(subject)
        resource = ResourceId.parse(key or "/")
        known = [one for one in coverages if not tenant or one.tenant == tenant]
        return any(was_read(one, resource, resource.subscription_id) for one in known)

    return reads


def attribute_to_tenants(
    past: Iterable[tuple[Subject, RememberedState]], tenants: Sequence[str]
) -> Iterator[tuple[Subject, RememberedState]]:
    """Put what lies in no subscription below its tenant, as older histories did not; where tenants are several it is dropped."""
    for (resource, key), item in past:
        if tuple(tenants) == ("",) or resource.startswith(("/subscriptions/", "/tenants/")):
            yield (resource, key), item
        elif len(tenants) == 1:
            yield (with_tenant(resource, tenants[0]), key), item


def remember_states(
    past: Mapping[Subject, RememberedState],
    now: Mapping[Subject, ComplianceState],
    changes: Iterable[FindingChange],
    when: datetime,
) -> dict[Subject, RememberedState]:
    """The past that the next evaluation compares with."""
    kept: dict[Subject, RememberedState] = {
        subject: replace(old) for subject, old in past.items() if subject not in now
    }
    for subject, state in now.items():
        kept[subject] = _update_remembered_state(past.get(subject), state, when)
    for change in changes:
        subject = (change.resource, change.key)
        if change.kind in (ChangeKind.REMOVED, ChangeKind.RETIRED):
            kept[subject] = replace(kept[subject], open=False, fixed=when)
    return kept


def _update_remembered_state(
    past: RememberedState | None, state: ComplianceState, when: datetime
) -> RememberedState:
    old = past or RememberedState(state)
    if state is ComplianceState.NON_COMPLIANT:
        return RememberedState(
            state, True, old.first_seen or when, old.since if old.open else when, old.fixed
        )
    if state in (ComplianceState.UNKNOWN, ComplianceState.ERROR):
        return replace(old, state=state)
    return RememberedState(state, False, old.first_seen, None, when if old.open else old.fixed)


def select_remembered_states(past: Mapping[Subject, RememberedState]) -> dict[Subject, RememberedState]:
    """Return what is worth keeping: subjects that are open, or were once, or that a person would ask about; NotApplicable is not."""
    return {
        subject: item
        for subject, item in past.items()
        if item.open or item.first_seen or item.state is not ComplianceState.NOT_APPLICABLE
    }
