"""The measurements, each in a process of its own, so that its peak memory is its own; each returns one flat set of figures."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from nephoscope.collect import resources
from nephoscope.collect.resources import SnapshotSpool
from nephoscope.estate.estate import Estate
from nephoscope.posture.evaluation.analyzer_results import run_all_analyzers, run_no_analyzers
from nephoscope.posture.evaluation.evaluation_run import evaluate_estate, prepare_plan
from nephoscope.posture.evaluation.finished_run import EvaluationRun
from nephoscope.posture.evaluation.partial_loading import evaluate_parts
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope_policy.aliases import Aliases
from nephoscope_policy.context import EvaluationContext
from nephoscope_policy.model.state import ComplianceState
from nephoscope_policy.rule import Rule
from speed import content, custodian, growth
from speed.clock import Span, peak_mib, span

NOW = datetime(2026, 11, 24, tzinfo=UTC)
Figures = dict[str, Any]


def _plan(shared: Path, cache: Path) -> tuple[EvaluationPlan, Aliases, Span]:
    """The plan, with every definition parsed and bound: what does not depend on resources."""
    with span() as took:
        plan, aliases = content.plan(content.catalog(shared, cache)), Aliases.load_builtin()
        prepared = prepare_plan(plan, aliases, {})
        for index in range(len(prepared.program.requirements)):
            prepared.rules.bind_rule(prepared.program.checks[prepared.program.find_check(index)])
    return plan, aliases, took


def full(shared: Path, cache: Path, file: Path) -> Figures:
    """Load, compile, evaluate everything in one process."""
    plan, aliases, compiling = _plan(shared, cache)
    with span() as loading:
        estate = resources.load([file])
    with span() as judging:
        run = evaluate_estate(estate, plan, NOW, analyzers=run_no_analyzers, aliases=aliases)
    peak = peak_mib()
    with span() as analyzing:
        run_all_analyzers(estate, NOW)
    evaluations, definitions = run.engine.verdicts.evaluated, len(run.plan.assignments)
    skipped = len(estate.resources) * definitions - evaluations
    counts, _ = content.by_type(plan.catalog)
    types = list(estate.types)
    total = Span(compiling.wall + loading.wall + judging.wall, compiling.cpu + loading.cpu + judging.cpu)
    return {
        "resources": len(estate.resources),
        "types": len(types),
        "types_with_5_definitions": sum(counts[type_] >= 5 for type_ in types),
        "definitions": definitions,
        **compiling.figures("compile"),
        **loading.figures("load"),
        **judging.figures("evaluation"),
        **total.figures("total"),
        "peak_mib": peak,
        "evaluations": evaluations,
        "evaluations_per_cpu_s": round(evaluations / judging.cpu),
        "skipped_pairs": skipped,
        "skipped_pairs_per_cpu_s": round(skipped / judging.cpu),
        "related_definitions": sum(bool(entry.related_types) for entry, _ in content.judged(plan.catalog)),
        **{f"state_{state.value}": count for state, count in sorted(run.states().items())},
        **analyzing.figures("analyzers_apart"),
    }


def parts(shared: Path, cache: Path, file: Path) -> Figures:
    """The same part by part, from a spool on disk."""
    plan, aliases, compiling = _plan(shared, cache)
    states: Counter[ComplianceState] = Counter()
    evaluations = held = 0
    with tempfile.TemporaryDirectory(dir=file.parent) as folder, span() as took:
        surveys = SnapshotSpool.of([file], Path(folder)).read_surveys()
        runs = (
            evaluate_parts(survey, plan, NOW, analyzers=run_no_analyzers, aliases=aliases)
            for survey in surveys
        )
        for run in chain.from_iterable(runs):
            states += run.states()
            evaluations += run.engine.verdicts.evaluated
            held += len(run.estate.resources)
            del run
    return {
        "resources": held,
        **compiling.figures("compile"),
        **took.figures("spool_and_evaluation"),
        "cpu_us_per_resource": round(took.cpu / held * 1e6, 1),
        "peak_mib": peak_mib(),
        "evaluations": evaluations,
        **{f"state_{state.value}": count for state, count in sorted(states.items())},
    }


def incremental(shared: Path, cache: Path, file: Path) -> Figures:
    """A second snapshot in which one resource in a hundred differs, read from its own file."""
    plan, aliases, _ = _plan(shared, cache)
    before = resources.load([file])
    count = max(1, len(before.resources) // 100)
    changed = file.with_name(f"changed-{file.name}")
    growth.changed(file, changed, count)
    first = evaluate_estate(before, plan, NOW, analyzers=run_no_analyzers, aliases=aliases)
    with span() as loading:
        after = resources.load([changed])
    changed.unlink()
    with span() as later:
        since = evaluate_estate(after, plan, NOW, analyzers=run_no_analyzers, aliases=aliases, since=first)
    with span() as whole:
        again = evaluate_estate(after, plan, NOW, analyzers=run_no_analyzers, aliases=aliases)
    return {
        "resources": len(after.resources),
        "changed_records": count,
        **loading.figures("load_second"),
        **later.figures("since"),
        **whole.figures("full"),
        "ratio_cpu": round(later.cpu / whole.cpu, 4),
        "ratio_wall": round(later.wall / whole.wall, 4),
        "evaluations": since.engine.verdicts.evaluated,
        "equal": _columns(since) == _columns(again) and since.counts == again.counts,
    }


def _columns(run: EvaluationRun) -> dict[tuple[str, str], str]:
    """A hash of the outcomes of every (check, type), in words, so that two runs can be compared whole."""
    rows = [
        f"{row.state}|{row.effect}|{row.cause}|{row.description}\n".encode()
        for row in run.engine.verdicts.outcomes.rows
    ]
    found = {}
    for key, numbers in run.engine.verdicts.columns.items():
        found[key] = blake2b(b"".join([rows[number] for number in numbers]), digest_size=16).hexdigest()
    return found


def digests(shared: Path, cache: Path, file: Path, sample: int) -> Figures:
    """The verdicts of the compiled, indexed run against the interpreter asked for every pair, over a seeded sample (0 = all)."""
    plan, aliases, _ = _plan(shared, cache)
    estate = resources.load([file])
    with span() as fast:
        run = evaluate_estate(estate, plan, NOW, analyzers=run_no_analyzers, aliases=aliases)
    keys = sorted(estate.resources)
    chosen = random.Random(1).sample(keys, min(sample or len(keys), len(keys)))
    compiled = _compiled(run, frozenset(chosen))
    with span() as slow:
        explained, slow_cpu = _explained_in_two(run, estate, chosen)
    slow.cpu += slow_cpu
    return {
        "resources": len(chosen),
        "of": len(keys),
        "definitions": len(plan.assignments),
        "pairs": len(chosen) * len(plan.assignments),
        "digest_compiled": _digest(compiled, chosen, plan),
        "digest_explained": _digest(explained, chosen, plan),
        "differences": sum(
            compiled.get(pair) != explained.get(pair) for pair in compiled.keys() | explained.keys()
        ),
        **fast.figures("compiled_whole_estate"),
        **slow.figures("explained"),
        "explained_pairs_per_cpu_s": round(len(chosen) * len(plan.assignments) / slow.cpu),
    }


def _compiled(run: EvaluationRun, chosen: frozenset[str]) -> dict[tuple[str, str], ComplianceState]:
    """The verdicts that are not NotApplicable: pairs that the index skips have none, which means the same."""
    found = {}
    engine = run.engine
    for block in engine.layout.blocks:
        roster, key = engine.roster.types[block.type], engine.program.requirements[block.requirement].key
        wanted = [at for at in block.positions if roster[at].key in chosen]
        for at, outcome in run.assessments.outcomes(block, wanted):
            if outcome.state is not ComplianceState.NOT_APPLICABLE:
                found[roster[at].key, key] = outcome.state
    return found


_SHARES: list[tuple[EvaluationRun, Estate, list[str]]] = []


def _share(number: int) -> tuple[dict[tuple[str, str], ComplianceState], float]:
    """The interpreter's verdicts of one share, and the CPU seconds they took; run in a process that was forked for it."""
    with span() as took:
        found = _explained(*_SHARES[number])
    return found, took.cpu


def _explained_in_two(
    run: EvaluationRun, estate: Estate, chosen: list[str]
) -> tuple[dict[tuple[str, str], ComplianceState], float]:
    """The same in two processes, each with every other resource: no verdict depends on another one."""
    _SHARES[:] = [(run, estate, chosen[::2]), (run, estate, chosen[1::2])]
    with get_context("fork").Pool(2) as pool:
        (first, one), (second, other) = pool.map(_share, (0, 1), chunksize=1)
    return first | second, one + other


def _explained(
    run: EvaluationRun, estate: Estate, chosen: Iterable[str]
) -> dict[tuple[str, str], ComplianceState]:
    engine, context = run.engine, EvaluationContext(now=NOW)
    rules = []
    for index, requirement in enumerate(engine.program.requirements):
        rule = engine.rules.bind_rule(engine.program.checks[engine.program.find_check(index)])
        if isinstance(rule, Rule):
            rules.append((requirement.key, rule))
    found = {}
    for key in chosen:
        for name, rule in rules:
            state = rule.explain(estate.resources[key], engine.snapshot, context).state
            if state is not ComplianceState.NOT_APPLICABLE:
                found[key, name] = state
    return found


def _digest(states: dict[tuple[str, str], ComplianceState], chosen: list[str], plan: EvaluationPlan) -> str:
    """The hash over sorted (resource, definition, state) of the whole product."""
    names = sorted(assignment.target.rsplit("/", 1)[-1].lower() for assignment in plan.assignments)
    hashed = blake2b(digest_size=16)
    for key in sorted(chosen):
        for name in names:
            hashed.update(
                f"{key} {name} {states.get((key, name), ComplianceState.NOT_APPLICABLE).value}\n".encode()
            )
    return hashed.hexdigest()


_WARM = """
import sys, time
from pathlib import Path
from nephoscope.content.loader import load_documents
from nephoscope_policy import catalog_cache
found = catalog_cache.load(load_documents(Path(sys.argv[1])), Path(sys.argv[2]))
print(len(found.entries))
"""


def warm(shared: Path, cache: Path) -> Figures:
    """From the start of a process to all built-ins loaded, the catalog's file being there; the median of seven."""
    content.catalog(shared, cache)
    took = []
    for _ in range(7):
        with span() as one:
            command = [sys.executable, "-c", _WARM, str(shared / "corpora/azure-policy"), str(cache)]
            held = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        took.append(one.wall)
    return {
        "entries": held,
        "warm_start_wall_s": round(sorted(took)[3], 3),
        "worst_wall_s": round(max(took), 3),
    }


def main(arguments: list[str]) -> None:
    """Run one step: name, shared folder, cache folder, then what the step takes."""
    name, shared, cache, *rest = arguments
    given: list[Any] = [Path(rest[0]), *map(int, rest[1:])] if rest else []
    step = {
        "full": full,
        "parts": parts,
        "incremental": incremental,
        "digests": digests,
        "warm": warm,
        "custodian": custodian.compare,
    }[name]
    print(json.dumps(step(Path(shared), Path(cache), *given)))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    main(sys.argv[1:])
