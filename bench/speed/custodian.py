"""Cloud Custodian beside nephoscope: the same rules as value filters over the same resources, in an environment of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nephoscope.collect import resources
from nephoscope_policy.aliases import Aliases
from nephoscope_policy.body_paths import fold_keys
from nephoscope_policy.context import EvaluationContext
from nephoscope_policy.resource_view import View
from nephoscope_policy.rule import Rule
from nephoscope_policy.snapshot import Snapshot
from speed import content
from speed.clock import span
from speed.value_filters import NotAFilter, filters

PEER = "c7n"
Work = list[tuple[Rule, str, list[View]]]


def environment(cache: Path) -> Path:
    """The Python of a virtual environment with the peer, made once in the cache folder."""
    folder = cache / "custodian"
    python = folder / "bin" / "python"
    ready = folder / "ready"
    if not ready.is_file():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", PEER], check=True)
        ready.touch()
    return python


def compare(shared: Path, cache: Path, file: Path) -> dict[str, Any]:
    """Evaluations per CPU second of both on the same (rule, resource) pairs, and how many pairs they answer alike."""
    found, aliases = content.catalog(shared, cache), Aliases.load_builtin()
    snapshot = Snapshot(resources.load([file]).resources.values(), aliases)
    by_type: defaultdict[str, list[View]] = defaultdict(list)
    for view in snapshot.views():
        if view.complete:
            by_type[view.type].append(view)
    work, rules = _work(found, aliases, by_type)
    peer = _peer(environment(cache), cache, by_type, rules)
    context = EvaluationContext(now=datetime(2026, 11, 24, tzinfo=UTC))
    matched = _judge(work, snapshot, context)
    best = min((_timed(work, snapshot, context) for _ in range(3)), key=lambda one: one[0])
    pairs = sum(len(views) for _, _, views in work)
    alike = _alike(work, matched, peer["matched"])
    version = subprocess.run(
        [environment(cache), "-c", f"from importlib.metadata import version; print(version('{PEER}'))"],
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    return {
        "peer": f"{PEER} {version}",
        "rules": len({rule for rule, _, _ in work}),
        "rule_type_pairs": len(work),
        "evaluations": pairs,
        "nephoscope_cpu_s": round(best[0], 4),
        "custodian_cpu_s": round(peer["cpu_s"], 4),
        "nephoscope_per_cpu_s": round(pairs / best[0]),
        "custodian_per_cpu_s": round(pairs / peer["cpu_s"]),
        "custodian_value_filters_per_cpu_s": round(peer["value_filter_calls"] / peer["cpu_s"]),
        "ratio_cpu": round(peer["cpu_s"] / best[0], 2),
        "ratio_wall": round(peer["wall_s"] / best[1], 2),
        "answered_alike": round(alike / pairs, 4),
    }


def _work(found: Any, aliases: Aliases, by_type: dict[str, list[View]]) -> tuple[Work, list[dict[str, Any]]]:
    """The rules that value filters can say, with the resources of the types that they name."""
    work: Work = []
    rules = []
    for _, definition in content.judged(found):
        rule = definition.bind(content.parameters(definition))
        if rule.effect_key not in ("audit", "deny", "modify", "append"):
            continue
        for type_ in sorted((rule.types or frozenset()) & by_type.keys()):
            try:
                made = filters(rule, aliases, type_)
            except NotAFilter:
                continue
            work.append((rule, type_, by_type[type_]))
            rules.append({"name": definition.name, "type": type_, "filters": made})
    return work, rules


def _peer(
    python: Path, cache: Path, by_type: dict[str, list[View]], rules: list[dict[str, Any]]
) -> dict[str, Any]:
    """What the peer says; it gets bodies with lower-cased keys, so that paths mean the same to both."""
    needed = {rule["type"] for rule in rules}
    bodies = {type_: [fold_keys(view.body) for view in by_type[type_]] for type_ in needed}
    path = cache / "custodian-input.json"
    path.write_text(json.dumps({"resources": bodies, "rules": rules}), encoding="utf-8")
    script = Path(__file__).with_name("custodian_run.py")
    try:
        done = subprocess.run([python, script, path], check=True, stdout=subprocess.PIPE, text=True)
    finally:
        path.unlink()
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _judge(work: Work, snapshot: Snapshot, context: EvaluationContext) -> list[set[str]]:
    return [
        {str(view.id) for view in views if rule.evaluate_view(view, snapshot, context).matched}
        for rule, _, views in work
    ]


def _timed(work: Work, snapshot: Snapshot, context: EvaluationContext) -> tuple[float, float]:
    with span() as took:
        for rule, _, views in work:
            assess = rule.evaluate_view
            for view in views:
                assess(view, snapshot, context)
    return took.cpu, took.wall


def _alike(work: Work, ours: list[set[str]], theirs: list[list[str]]) -> int:
    return sum(
        len(views) - len(own ^ set(other))
        for (_, _, views), own, other in zip(work, ours, theirs, strict=True)
    )


if __name__ == "__main__":
    print(json.dumps(compare(*map(Path, sys.argv[1:4]))))
