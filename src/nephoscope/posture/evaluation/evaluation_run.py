"""The evaluation run: freezes (estate, content, time), runs the analyzers, judges everything once, or only what changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from nephoscope.estate.estate import Estate
from nephoscope.estate.gc_control import pause_collection
from nephoscope.posture.evaluation.analyzer_results import Analyzers, PreviousEvaluation, run_all_analyzers
from nephoscope.posture.evaluation.check_layout import Concerns, Layout, Roster
from nephoscope.posture.evaluation.compiled_rules import Rules
from nephoscope.posture.evaluation.evaluator import Evaluator, Progress, Verdicts
from nephoscope.posture.evaluation.finished_run import Engine, EvaluationRun
from nephoscope.posture.evaluation.incremental import IncrementalRun, overlay_snapshot
from nephoscope.posture.evaluation.program import Program
from nephoscope.posture.evaluation.report_expiry import AgedReports
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope_policy.aliases import Aliases
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.snapshot import Snapshot

__all__ = ["EvaluationRun", "PreparedPlan", "Progress", "evaluate_estate", "prepare_plan"]


def evaluate_estate(
    estate: Estate,
    plan: EvaluationPlan,
    now: datetime,
    *,
    scope: str = "",
    analyzers: Analyzers = run_all_analyzers,
    aliases: Aliases | None = None,
    since: EvaluationRun | None = None,
    prepared: PreparedPlan | None = None,
    progress: Progress | None = None,
) -> EvaluationRun:
    """Judge an estate by a plan at an aware time.

    `scope` limits what is judged, not what is looked up. With `since` only what changed after that run, and what depends on it,
    is evaluated; the result is the same as without. `prepared` is content made ready by `prepare` for the same plan, aliases and
    management groups, which several evaluations share.
    """
    if now.tzinfo is None:
        raise ValueError("'now' must have a time zone")
    scope = scope.rstrip("/").lower()
    aliases = aliases or Aliases.load_builtin()
    with pause_collection():
        aged = AgedReports() if since is None else AgedReports.find(since.estate, since.now, estate, now)
        before = None if since is None else PreviousEvaluation(since.estate, since.now, since.analysis, aged)
        analysis = analyzers(estate, now, before)
        if since is not None and since.engine.base.aliases is aliases:
            later = IncrementalRun(since, estate, analysis, plan, now, scope, aged)
            base, roster, rules, program = later.base, later.roster, later.rules, later.program
            layout = later.layout or Layout(find_concerns(program, rules), roster)
        else:
            later = None
            ordered: list[Resource] = sorted(estate.resources.values(), key=lambda one: one.id.key)
            base = Snapshot(ordered, aliases, estate.coverage)
            roster = Roster.of(estate, scope)
            content = prepared or prepare_plan(plan, aliases, estate.management_groups)
            rules, program = content.rules, content.program
            layout = Layout(content.concerns, roster)
        snapshot = later.overlay_analysis(analysis) if later is not None else overlay_snapshot(base, analysis)
        verdicts = later.verdicts() if later is not None else Verdicts()
        Evaluator(program, roster, rules, snapshot, now).fill_columns(layout.blocks, verdicts, progress)
    return EvaluationRun(
        now, scope, estate, plan, analysis, Engine(program, roster, layout, verdicts, rules, base, snapshot)
    )


@dataclass(frozen=True)
class PreparedPlan:
    """A plan made ready: requirements over checks, the rules that are bound and compiled as they are needed, what concerns whom."""

    program: Program
    rules: Rules

    @cached_property
    def concerns(self) -> Concerns:
        """Return which requirements concern which types."""
        return find_concerns(self.program, self.rules)


def find_concerns(program: Program, rules: Rules) -> Concerns:
    """Find which types each requirement concerns; binds the rules whose definitions prove no types."""
    return Concerns(program, lambda check: rules.types(program.checks[check]))


def prepare_plan(
    plan: EvaluationPlan, aliases: Aliases, management_groups: Mapping[str, tuple[str, ...]]
) -> PreparedPlan:
    """Make a plan ready for estates with these management groups."""
    return PreparedPlan(Program(plan, management_groups), Rules(plan.catalog, aliases))
