"""Incremental run: reuse verdicts that cannot have changed."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime

import msgspec

from nephoscope.analyze.analyzer_runner import AnalyzerResult
from nephoscope.estate.estate import Estate
from nephoscope.estate.resource_diff import find_changed_ids
from nephoscope.posture.evaluation.analyzer_results import Analysis
from nephoscope.posture.evaluation.body_diff import Paths, find_difference
from nephoscope.posture.evaluation.check_layout import Layout, Roster
from nephoscope.posture.evaluation.compiled_rules import Rules
from nephoscope.posture.evaluation.estate_changes import Dependents, EstateChange, find_changed_coverage
from nephoscope.posture.evaluation.evaluator import Verdicts
from nephoscope.posture.evaluation.finished_run import EvaluationRun
from nephoscope.posture.evaluation.outcome import NONE
from nephoscope.posture.evaluation.program import CheckFault, PolicyCheck, Program
from nephoscope.posture.evaluation.report_expiry import AgedReports
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.rule import Rule
from nephoscope_policy.snapshot import Snapshot


class IncrementalRun:
    """The parts of a new run, made from an earlier one with the same aliases.

    `base` is the snapshot without what analyzers write; `verdicts` gives the old verdicts in their new places, those that may
    have changed set back to 'not evaluated'. It must be asked after the layout has made the checks.
    """

    def __init__(
        self,
        since: EvaluationRun,
        estate: Estate,
        analysis: Analysis,
        plan: EvaluationPlan,
        now: datetime,
        scope: str,
        aged: AgedReports,
    ) -> None:
        old = since.engine
        self._since, self._now = since, now
        before, after = since.estate.resources, estate.resources
        changed = estate.list_changed_ids(since.estate)
        gone = [key for key in changed if key not in after]
        self.base = old.base.with_changes(
            [after[key] for key in changed if key in after], gone, estate.coverage
        )
        same_groups = dict(estate.management_groups) == dict(since.estate.management_groups)
        if scope == since.scope and (same_groups or not scope):
            self.roster = old.roster.update_roster(estate, scope, changed)
            self._moved = {key for key in changed if (key in before) != (key in after)}
        else:
            self.roster = Roster.of(estate, scope)
            self._moved = set(old.roster.keys()) ^ set(self.roster.keys())
        same_content = plan.catalog is since.plan.catalog
        self.rules = old.rules if same_content else Rules(plan.catalog, self.base.aliases, self.base.switches)
        same_plan = plan is since.plan and same_groups
        self.program = old.program if same_plan else Program(plan, estate.management_groups)
        paths: dict[str, Paths | None] = {
            key: find_difference(before[key], after[key]) if key in before and key in after else None
            for key in changed
        }
        self._analyzed = AnalyzerChanges.compare(since.analysis, analysis)
        paths.update(dict.fromkeys((*self._analyzed.overlay, *self._analyzed.unknown)))
        paths.update(dict.fromkeys(aged.ids))
        self.change = EstateChange(
            paths, aged.claims.union(find_changed_coverage(since.coverage, estate.coverage))
        )

    @property
    def layout(self) -> Layout | None:
        """The earlier run's layout where it holds: the same checks over the same resources; None where it does not."""
        old = self._since.engine
        same = self.program is old.program and self.rules is old.rules and self.roster is old.roster
        return old.layout if same else None

    def overlay_analysis(self, analysis: Analysis) -> Snapshot:
        """The snapshot with what analyzers write: of the earlier one's overlay what they write as before."""
        before, changed = self._since.engine, self._analyzed
        if before.snapshot is before.base:
            return overlay_snapshot(self.base, analysis)
        written = [one for one in changed.overlay.values() if one is not None]
        gone = [key for key, one in changed.overlay.items() if one is None]
        return self.base.with_later_overlay(
            before.snapshot, written, gone, analysis.unknown if changed.unknown else None
        )

    def verdicts(self) -> Verdicts:
        """The verdicts to start from."""
        old = self._since.engine.verdicts
        found = Verdicts(old.outcomes)
        checks = self.program.checks
        moved = self._now != self._since.now
        stale = {one.key for one in checks if moved and one.entry is not None and "utcnow" in one.entry.calls}
        wanted = {check.key: check for check in checks if check.key not in stale}
        removed, added = self._move_positions()
        doubtful = self._find_invalidated_positions(wanted, old)
        moved_types = removed.keys() | added.keys()
        found.share(old, self._list_held_columns(old, wanted))
        changed = [one for one, anew in doubtful.items() if anew and one in found.columns]
        if moved_types:
            changed += [one for one in found.columns if one[1] in moved_types and not doubtful.get(one)]
        for column in changed:
            out, into, anew = removed.get(column[1]), added.get(column[1]), doubtful.get(column)
            lacking = sorted({*(into or ()), *(anew or ())})
            found.renew(column, _move_column(old.columns[column], out or [], into or []), lacking, old)
        return found

    def _list_held_columns(
        self, old: Verdicts, wanted: Mapping[str, PolicyCheck]
    ) -> Collection[tuple[str, str]]:
        """List the columns of the earlier run that are of a wanted check and of a type that is still there."""
        if self.layout is not None and len(wanted) == len(self.program.checks):
            return old.columns
        types = self.roster.types
        return [one for one in old.columns if one[0] in wanted and one[1] in types]

    def _move_positions(self) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
        """The old positions that are gone and the new positions that came, by type, rising."""
        removed: defaultdict[str, list[int]] = defaultdict(list)
        added: defaultdict[str, list[int]] = defaultdict(list)
        for key in sorted(self._moved):
            before, after = self._since.engine.roster.place(key), self.roster.place(key)
            if before is not None and after is None:
                removed[before[0]].append(before[1])
            elif after is not None and before is None:
                added[after[0]].append(after[1])
        return removed, added

    def _find_invalidated_positions(
        self, wanted: Mapping[str, PolicyCheck], old: Verdicts
    ) -> dict[tuple[str, str], set[int]]:
        """The positions, in the new roster, of the old verdicts that may not hold any more, by column."""
        if not self.change.paths and not self.change.coverage:
            return {}
        checks = self.program.checks
        dependents = Dependents(checks, self.rules.types, self.roster, self.base)
        found: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
        own = dependents.find_directly_affected(self.change)
        for column in old.columns:
            key, type_ = column
            if key in wanted and type_ in own:
                positions = self._list_changed_resources(self.rules.bind_rule(wanted[key]), type_, own[type_])
                if positions:
                    found[column].update(positions)
        for index, type_, reached in dependents.find_touched_positions(self.change):
            found[checks[index].key, type_].update(reached)
        return found

    def _list_changed_resources(
        self, rule: Rule | CheckFault, type_: str, changed: Mapping[tuple[Paths | None, str], list[int]]
    ) -> list[int]:
        """The changed resources of a type of which a rule may see the change."""
        if not isinstance(rule, Rule):
            return []
        found: list[int] = []
        for (paths, version), positions in changed.items():
            if paths is None or any(map(rule.list_reads(type_, self.base.aliases, version).overlaps, paths)):
                found += positions
        return found


def overlay_snapshot(base: Snapshot, analysis: Analysis) -> Snapshot:
    """A snapshot with what analyzers write, in the order of the ids, which look-ups then keep."""
    if not analysis.overlay and not analysis.unknown:
        return base
    return base.with_overlay(sorted(analysis.overlay, key=lambda one: one.id.key), analysis.unknown)


class AnalyzerChanges(msgspec.Struct, frozen=True):
    """Changes in the output of analyzers, by lower-cased id: what they write (None = nothing any more), and what they cannot tell."""

    overlay: Mapping[str, Resource | None]
    unknown: frozenset[str]

    @classmethod
    def compare(cls, old: Analysis, new: Analysis) -> AnalyzerChanges:
        """Compare what they said in two runs."""
        overlay: dict[str, Resource | None] = {}
        unknown: set[str] = set()
        for before, after in _list_differing_parts(old, new):
            was, now = _index_by_key(before.overlay), _index_by_key(after.overlay)
            overlay.update((key, now.get(key)) for key in find_changed_ids(was, now))
            unknown.update(key.lower() for key, _ in before.unknown.items() ^ after.unknown.items())
        return cls(overlay, frozenset(unknown))


def _list_differing_parts(
    old: Analysis, new: Analysis
) -> Iterator[tuple[Analysis | AnalyzerResult, Analysis | AnalyzerResult]]:
    """Yield what may differ: the analyzers that did not tell the very same, or the whole where it is not known who told what."""
    if not old.results or not new.results:
        yield old, new
        return
    nothing = Analysis()
    for name in {**old.results, **new.results}:
        before, after = old.results.get(name), new.results.get(name)
        if before is not after:
            yield before or nothing, after or nothing


def _index_by_key(resources: tuple[Resource, ...]) -> dict[str, Resource]:
    return {resource.key: resource for resource in resources}


def _move_column(numbers: array[int], removed: list[int], added: list[int]) -> array[int]:
    """A copy of a column without the removed positions and with unevaluated ones at the added (both rising)."""
    if not removed and not added:
        return numbers[:]
    kept, start = array("I"), 0
    for at in removed:
        kept.extend(numbers[start:at])
        start = at + 1
    kept.extend(numbers[start:])
    for at in added:
        kept.insert(at, NONE)
    return kept
