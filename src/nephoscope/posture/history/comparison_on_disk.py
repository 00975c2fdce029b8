"""Comparing an evaluation with what was remembered, part by part: the past, the changes and the new memory all lie on disk."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from nephoscope.estate.external_sort import Segment, Segments, SortedLines
from nephoscope.posture.evaluation.finished_run import EvaluationRun
from nephoscope.posture.history.evaluation_diff import (
    ChangeKind,
    Changes,
    FindingChange,
    RememberedState,
    check_existence,
    compare,
    make_coverage_test,
    remember_states,
    select_remembered_states,
)
from nephoscope.posture.recommendations.finding_subject import Subject, verdicts
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource_id import ResourceId, split_tenant

_HELD = 50_000
_Kept = tuple[Subject, RememberedState]


class PastSpool:
    """Remembered states of findings on disk, by the subscription of the resource."""

    def __init__(self, path: Path) -> None:
        self._file = Segments(path)
        self._segments: defaultdict[str, list[Segment]] = defaultdict(list)
        self._buffers: defaultdict[str, list[_Kept]] = defaultdict(list)
        self._held = 0

    def extend(self, past: Iterable[_Kept]) -> None:
        """Take what was remembered; each subject once."""
        for subject, item in past:
            self._buffers[_choose_partition(subject)].append((subject, item))
            self._held += 1
            if self._held >= _HELD:
                self._flush_changes()

    def _flush_changes(self) -> None:
        for subscription, items in self._buffers.items():
            self._segments[subscription].append(self._file.write(items))
        self._buffers.clear()
        self._held = 0

    def pop_subjects(self, subscriptions: Iterable[str]) -> dict[Subject, RememberedState]:
        """Hand out what was remembered of subscriptions, once."""
        self._flush_changes()
        segments = [one for name in subscriptions for one in self._segments.pop(name, ())]
        return dict(_decode_kept(line) for one in segments for line in self._file.read(one))

    def pop_remaining_states(self) -> Iterator[dict[Subject, RememberedState]]:
        """Hand out what nobody asked for, a subscription at a time."""
        self._flush_changes()
        for name in list(self._segments):
            yield self.pop_subjects([name])


_decode_kept = msgspec.json.Decoder(_Kept).decode


def _choose_partition(subject: Subject) -> str:
    """The subscription of a resource, else its tenant: what is compared together."""
    tenant, key = split_tenant(subject[0])
    return ResourceId.parse(key or "/").subscription or tenant


class StoredChanges:
    """Changes of findings on disk, in the order of resources and recommendations."""

    def __init__(self, path: Path) -> None:
        self._lines = SortedLines(path, FindingChange, lambda one: (one.resource, one.key))
        self._counts: Counter[ChangeKind] = Counter()

    def extend(self, changes: Iterable[FindingChange]) -> None:
        """Take changes."""
        for one in changes:
            self._lines.add(one)
            self._counts[one.kind] += 1

    def __iter__(self) -> Iterator[FindingChange]:
        return iter(self._lines)

    def __len__(self) -> int:
        return self._counts.total()

    @property
    def kinds(self) -> Counter[ChangeKind]:
        """Count how many changes there are of each kind, in the order of the kinds."""
        return Counter({kind: self._counts[kind] for kind in ChangeKind if self._counts[kind]})


class Journal:
    """The comparison of one evaluation; `changes` and `memory` are complete after `close`.

    `version` is that of the history when it was read, as History.record wants it.
    """

    def __init__(self, folder: Path, when: datetime, version: int = -1) -> None:
        self.version = version
        self.past = PastSpool(folder / "past")
        self.changes = StoredChanges(folder / "changes")
        self._memory = Segments(folder / "memory")
        self._segments: list[Segment] = []
        self._when = when

    def compare_part(self, run: EvaluationRun) -> Changes:
        """Compare a part; every subject of its subscriptions must be in it."""
        now = verdicts(run.assessments, run.estate.tenant)
        subscriptions = {one.id.subscription for one in run.estate.resources.values()}
        past = self.past.pop_subjects(subscriptions | {_choose_partition(subject) for subject in now})
        changes = Changes(compare(past, now, check_existence(run.estate), make_coverage_test(run.coverage)))
        self._keep_states(select_remembered_states(remember_states(past, now, changes, self._when)), changes)
        return changes

    def close(self, *coverages: Coverage) -> None:
        """Compare what no part has spoken of: resources of subscriptions that are not there any more."""
        reads = make_coverage_test(*coverages)
        for past in self.past.pop_remaining_states():
            changes = Changes(compare(past, {}, lambda _: False, reads))
            self._keep_states(
                select_remembered_states(remember_states(past, {}, changes, self._when)), changes
            )

    def _keep_states(self, memory: dict[Subject, RememberedState], changes: Changes) -> None:
        self.changes.extend(changes)
        self._segments.append(self._memory.write(memory.items()))

    @property
    def memory(self) -> Iterator[_Kept]:
        """Return what the next evaluation compares with."""
        return (_decode_kept(line) for one in self._segments for line in self._memory.read(one))
