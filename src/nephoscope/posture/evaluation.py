"""The evaluation run: freezes (estate, content, time), runs the analyzers, judges everything once, or only what changed."""

from __future__ import annotations

from array import array
from datetime import datetime

from nephoscope.estate.estate import Estate
from nephoscope.policy.aliases import Aliases
from nephoscope.policy.snapshot import Snapshot
from nephoscope.posture.analysis import Analysis, Analyzers, every_analyzer
from nephoscope.posture.change import Change, Dependents, changed_coverage, changed_keys
from nephoscope.posture.layout import Layout, Roster
from nephoscope.posture.matrix import Bench, Progress, Verdicts
from nephoscope.posture.outcome import NONE
from nephoscope.posture.plan import Plan
from nephoscope.posture.program import Program
from nephoscope.posture.rules import Rules
from nephoscope.posture.run import Engine, Run

__all__ = ["Progress", "Run", "change_since", "evaluate"]


def evaluate(
    estate: Estate,
    plan: Plan,
    now: datetime,
    *,
    scope: str = "",
    analyzers: Analyzers = every_analyzer,
    aliases: Aliases | None = None,
    since: Run | None = None,
    progress: Progress | None = None,
) -> Run:
    """Judge an estate by a plan at an aware time.

    `scope` limits what is judged, not what is looked up. With `since` only what changed after that run, and what depends on it,
    is evaluated; the result is the same as without.
    """
    if now.tzinfo is None:
        raise ValueError("'now' must be an aware time")
    analysis = analyzers(estate, now)
    snapshot = _snapshot(estate, analysis, aliases or Aliases.builtin())
    rules = _rules(plan, snapshot, since)
    program = Program(plan, estate.management_groups)
    roster = Roster(estate, scope.rstrip("/").lower())
    layout = Layout(program, roster, lambda check: rules.types(program.checks[check]))
    verdicts = Verdicts()
    if since is not None:
        verdicts = _carry(since, estate, analysis, now, program, roster, rules)
    bench = Bench(program, roster, rules, snapshot, now)
    bench.fill_all(layout.blocks, verdicts, progress)
    engine = Engine(program, roster, layout, verdicts, rules, snapshot)
    return Run(now, scope.rstrip("/").lower(), estate, plan, analysis, engine)


def _snapshot(estate: Estate, analysis: Analysis, aliases: Aliases) -> Snapshot:
    base = Snapshot(estate.resources.values(), aliases, estate.coverage)
    return base.overlay(analysis.overlay, analysis.unknown) if analysis.overlay or analysis.unknown else base


def _rules(plan: Plan, snapshot: Snapshot, since: Run | None) -> Rules:
    """The rules of the earlier run where content and aliases are the same objects, else new ones."""
    if (
        since is not None
        and since.plan.catalogue is plan.catalogue
        and since.engine.snapshot.aliases is snapshot.aliases
    ):
        return since.engine.rules
    return Rules(plan.catalogue, snapshot.aliases, snapshot.switches)


def change_since(since: Run, estate: Estate, analysis: Analysis) -> Change:
    """What differs from an earlier run: resources, what analyzers wrote or could not, and the coverage."""
    old, new = since.analysis, analysis
    keys = set(changed_keys(since.estate.resources, estate.resources))
    keys.update(changed_keys({one.key: one for one in old.overlay}, {one.key: one for one in new.overlay}))
    keys.update(key.lower() for key, _ in old.unknown.items() ^ new.unknown.items())
    return Change(frozenset(keys), frozenset(changed_coverage(since.coverage, estate.coverage)))


def _carry(
    since: Run,
    estate: Estate,
    analysis: Analysis,
    now: datetime,
    program: Program,
    roster: Roster,
    rules: Rules,
) -> Verdicts:
    """The verdicts of an earlier run in the places of the new one, without those that may have changed."""
    verdicts = Verdicts(since.engine.verdicts.outcomes)
    if since.engine.snapshot.aliases is not rules.aliases:
        return verdicts
    moves = {type_: _moves(since.engine.roster, roster, type_) for type_ in roster.types}
    timed = {
        check.key for check in program.checks if check.entry is not None and "utcnow" in check.entry.calls
    }
    wanted = {check.key for check in program.checks}
    for (key, type_), numbers in since.engine.verdicts.columns.items():
        if type_ in moves and key in wanted and (key not in timed or now == since.now):
            verdicts.columns[key, type_] = _moved(numbers, moves[type_])
    _forget(verdicts, change_since(since, estate, analysis), program, roster, rules)
    return verdicts


def _moves(old: Roster, new: Roster, type_: str) -> array[int] | None:
    """For every position its position in the old roster plus one, 0 where it is new; None where nothing moved."""
    before, after = old.types.get(type_, ()), new.types[type_]
    if len(before) == len(after) and all(a.key == b.key for a, b in zip(before, after, strict=True)):
        return None
    places = {resource.key: at for at, resource in enumerate(before, 1)}
    return array("I", [places.get(resource.key, 0) for resource in after])


def _moved(numbers: array[int], moves: array[int] | None) -> array[int]:
    if moves is None:
        return numbers[:]
    shifted = [NONE, *numbers]
    return array("I", [shifted[at] for at in moves])


def _forget(verdicts: Verdicts, change: Change, program: Program, roster: Roster, rules: Rules) -> None:
    """Set the verdicts that a change touches back to 'not evaluated'."""
    types = [rules.types(check) for check in program.checks]
    dependents = Dependents(program.checks, types, roster)
    own = dependents.own(change)
    for (_, type_), numbers in verdicts.columns.items():
        for at in own.get(type_, ()):
            numbers[at] = NONE
    for index, type_, positions in dependents.touched(change):
        column = verdicts.columns.get((program.checks[index].key, type_))
        if column is not None:
            for at in positions:
                column[at] = NONE
