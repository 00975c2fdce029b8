"""A run that follows another: takes over what cannot have changed, and forgets what may have."""

from __future__ import annotations

from array import array
from collections import defaultdict
from datetime import datetime

from nephoscope.estate.estate import Estate
from nephoscope.model.resource import Resource
from nephoscope.posture.analysis import Analysis
from nephoscope.posture.change import Change, Dependents, changed_coverage, changed_keys
from nephoscope.posture.layout import Roster
from nephoscope.posture.matrix import Verdicts
from nephoscope.posture.outcome import NONE
from nephoscope.posture.plan import Plan
from nephoscope.posture.program import Program
from nephoscope.posture.rules import Rules
from nephoscope.posture.run import Run


class Succession:
    """The parts of a new run, made from an earlier one with the same aliases.

    `base` is the snapshot without what analyzers write; `verdicts` gives the old verdicts in their new places, those that may
    have changed set back to 'not evaluated'. It must be asked after the layout has made the checks.
    """

    def __init__(
        self, since: Run, estate: Estate, analysis: Analysis, plan: Plan, now: datetime, scope: str
    ) -> None:
        old = since.engine
        self._since, self._now = since, now
        changed = frozenset(changed_keys(since.estate.resources, estate.resources))
        gone = [key for key in changed if key not in estate.resources]
        fresh = [estate.resources[key] for key in changed if key in estate.resources]
        self.base = old.base.patched(fresh, gone, estate.coverage)
        self._moved: frozenset[str] = changed
        if scope == since.scope:
            self.roster = old.roster.after(estate, scope, changed)
        else:
            self.roster = Roster.of(estate, scope)
            self._moved |= set(old.roster.keys()) ^ set(self.roster.keys())
        same_content = plan.catalogue is since.plan.catalogue
        self.rules = (
            old.rules if same_content else Rules(plan.catalogue, self.base.aliases, self.base.switches)
        )
        same_plan = plan is since.plan and dict(estate.management_groups) == dict(
            since.estate.management_groups
        )
        self.program = old.program if same_plan else Program(plan, estate.management_groups)
        coverage = frozenset(changed_coverage(since.coverage, estate.coverage))
        self.change = Change(changed | _analyzed(since.analysis, analysis), coverage)

    def verdicts(self) -> Verdicts:
        """The verdicts to start from."""
        found = Verdicts(self._since.engine.verdicts.outcomes)
        checks = self.program.checks
        timed = {check.key for check in checks if check.entry is not None and "utcnow" in check.entry.calls}
        stale = timed if self._now != self._since.now else set()
        wanted = {check.key for check in checks} - stale
        removed, added = self._moves()
        for (key, type_), numbers in self._since.engine.verdicts.columns.items():
            if key in wanted and type_ in self.roster.types:
                found.columns[key, type_] = _moved(numbers, removed.get(type_, ()), added.get(type_, ()))
        self._forget(found)
        return found

    def _moves(self) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
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

    def _forget(self, verdicts: Verdicts) -> None:
        checks = self.program.checks
        dependents = Dependents(checks, [self.rules.types(check) for check in checks], self.roster)
        own = dependents.own(self.change)
        for (_, type_), numbers in verdicts.columns.items():
            for at in own.get(type_, ()):
                numbers[at] = NONE
        for index, type_, positions in dependents.touched(self.change):
            column = verdicts.columns.get((checks[index].key, type_))
            if column is not None:
                for at in positions:
                    column[at] = NONE


def _analyzed(old: Analysis, new: Analysis) -> frozenset[str]:
    """The ids of which analyzers now say something else."""
    keys = set(changed_keys(_by_key(old.overlay), _by_key(new.overlay)))
    keys.update(key.lower() for key, _ in old.unknown.items() ^ new.unknown.items())
    return frozenset(keys)


def _by_key(resources: tuple[Resource, ...]) -> dict[str, Resource]:
    return {resource.key: resource for resource in resources}


def _moved(numbers: array[int], removed: list[int] | tuple[()], added: list[int] | tuple[()]) -> array[int]:
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
