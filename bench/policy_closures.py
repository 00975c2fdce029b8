"""Compiled rules on recorded bodies, without look-ups of other types' rules: `python bench/policy_closures.py [SHARED]`.

Prints type-matched evaluations per second and leaf tests per second of one core: every All/Indexed built-in definition
(static and manual ones left out) on every recorded body of the types that it names, compiled before the clock starts; the
best of five passes.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/oracle"))

from compiled_equals_explained import definitions, parameters, recorded  # noqa: E402

import nephoscope_policy as policy  # noqa: E402
from nephoscope_policy import compiler  # noqa: E402
from nephoscope_policy.model.resource import Resource  # noqa: E402


def containers(resources: list[Resource]) -> list[Resource]:
    """The subscriptions and resource groups of the recorded bodies, which the recordings lack."""
    ids = {text for r in resources for text in (r.id.subscription_id, r.id.resource_group_id) if text}
    return [
        Resource.of({"id": text, "location": "westeurope", "tags": {}})
        for text in sorted(ids - {r.key for r in resources})
    ]


def work(shared: Path, views: dict[str, list[Any]]) -> list[tuple[policy.Rule, list[Any]]]:
    result = []
    for _, definition in definitions(shared / "corpora/azure-policy", []):
        if definition.mode.lower() in ("all", "indexed") and definition.policy_type.lower() != "static":
            rule = definition.bind(parameters(definition))
            if rule.effect_key == "manual":
                continue
            found = [view for type_ in rule.types or () for view in views.get(type_, [])]
            if found:
                result.append((rule, found))
    return result


def run(
    pairs: list[tuple[policy.Rule, list[Any]]], snapshot: policy.Snapshot, context: policy.EvaluationContext
) -> int:
    count = 0
    for rule, views in pairs:
        assess = rule.evaluate_view
        for view in views:
            assess(view, snapshot, context)
        count += len(views)
    return count


def leaf_tests(
    pairs: list[tuple[policy.Rule, list[Any]]], snapshot: policy.Snapshot, context: policy.EvaluationContext
) -> int:
    """How many predicates one pass asks, counted in an untimed pass with freshly compiled rules."""
    asked, plain = [0], compiler.make_predicate

    def counting(*arguments: Any) -> Any:
        test = plain(*arguments)

        def counted(value: Any) -> bool:
            asked[0] += 1
            return test(value)

        return counted

    _forget(snapshot)
    compiler.make_predicate = counting
    try:
        run([(policy.Rule(rule.tree, rule.parameters), views) for rule, views in pairs], snapshot, context)
    finally:
        compiler.make_predicate = plain
    return asked[0]


def main() -> None:
    shared = Path(
        sys.argv[1] if len(sys.argv) > 1 else os.environ.get("NEPHOSCOPE_SHARED", ROOT.parent / "shared")
    )
    resources = recorded(shared)
    snapshot, context = policy.Snapshot([*resources, *containers(resources)]), policy.EvaluationContext()
    views: dict[str, list[Any]] = {}
    for view in snapshot.views():
        views.setdefault(view.type, []).append(view)
    pairs = work(shared, views)
    started = time.perf_counter()
    count = run(pairs, snapshot, context)
    first = time.perf_counter() - started
    best = min(_timed(pairs, snapshot, context) for _ in range(5))
    asked = leaf_tests(pairs, snapshot, context)
    print(f"{len(pairs)} rules, {len(resources)} bodies; first pass with compiling {first:.2f} s")
    print(f"{count} type-matched evaluations in {best:.3f} s: {count / best / 1e3:.0f} k/s")
    print(f"{asked} leaf tests, shared answers left out: {asked / best / 1e3:.0f} k/s")


def _forget(snapshot: policy.Snapshot) -> None:
    """Drop the answers that rules share within a pass: they must not help the next one."""
    for view in snapshot.views():
        view.folded_body.pop("\0memo", None)


def _timed(
    pairs: list[tuple[policy.Rule, list[Any]]], snapshot: policy.Snapshot, context: policy.EvaluationContext
) -> float:
    _forget(snapshot)
    started = time.perf_counter()
    run(pairs, snapshot, context)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
