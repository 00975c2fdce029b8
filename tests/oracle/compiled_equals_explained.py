"""Compiled closures against the explain interpreter: every definition on every recorded body it may concern.

Usage: python tests/oracle/compiled_equals_explained.py [SHARED] [--all-pairs N]. Parameters without a default get a value of their
type. Also says which All/Indexed definitions do not compile. Ends `N/M agree`.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from corpus_records import documents_of, judged, lines, properties_of, raised

import nephoscope_policy as policy
from nephoscope_policy.model.resource import Resource

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
SAMPLES: dict[str, Any] = {
    "string": "x",
    "array": ["x"],
    "object": {"x": "y"},
    "boolean": True,
    "integer": 1,
    "float": 1.5,
    "datetime": "2026-01-01T00:00:00Z",
}


def definitions(folder: Path, refused: list[str]) -> Iterator[tuple[Path, policy.Definition]]:
    """The definitions below a folder; what cannot be read is added to `refused`."""
    for one in documents_of(sorted(folder.rglob("*.json"))):
        path = Path(one.place)
        if one.wrong:
            refused.append(f"{path.name}: {one.wrong}")
        elif "policyRule" in properties_of(one.value):
            try:
                definition = policy.Definition.parse(one.value)
            except Exception as error:  # noqa: BLE001 - a runner's border: an exception in a document is a miss, and is shown
                refused.append(f"{path.name}: {raised(error)}")
                continue
            yield path, definition


def parameters(definition: policy.Definition) -> dict[str, Any]:
    """A value for every parameter that has no default; effects that only the default switches off are switched on."""
    given: dict[str, Any] = {}
    for one in definition.parameters.values():
        allowed = [value for value in one.allowed or () if str(value).lower() != "disabled"]
        if not one.has_default:
            value = allowed[0] if allowed else SAMPLES[one.type]
            given[one.name] = [value] if one.type == "array" and not isinstance(value, list) else value
        elif one.name.lower() == "effect" and str(one.default).lower() == "disabled" and allowed:
            given[one.name] = allowed[0]
    return given


def recorded(shared: Path) -> list[Resource]:
    found: dict[str, Resource] = {}
    for line in lines(shared / "corpora/resources/live_arm_bodies.jsonl"):
        try:
            resource = Resource.of(line.value["resource"])
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
        found[resource.key] = resource
    return list(found.values())


def compare(
    rule: policy.Rule, resources: list[Resource], snapshot: policy.Snapshot, context: policy.EvaluationContext
) -> list[str]:
    differences = []
    for resource in resources:
        try:
            fast, slow = rule.evaluate(resource, snapshot, context), rule.explain(resource, snapshot, context)
        except Exception as error:  # noqa: BLE001 - a runner's border: an exception in a pair is a miss, and is shown
            differences.append(f"{resource.key}: {raised(error)}")
            continue
        if fast != slow:
            differences.append(f"{resource.key}: compiled {fast}, explained {slow}")
    return differences


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "shared", type=Path, nargs="?", default=os.environ.get("NEPHOSCOPE_SHARED", ROOT.parent / "shared")
    )
    parser.add_argument("--all-pairs", type=int, default=20, help="bodies of other types per definition")
    options = parser.parse_args()
    resources = recorded(options.shared)
    snapshot, context = policy.Snapshot(resources), policy.EvaluationContext()
    by_type: dict[str, list[Resource]] = {}
    for resource in resources:
        by_type.setdefault(resource.type, []).append(resource)
    pairs, states, wrong, refused = 0, Counter[str](), list[str](), list[str]()
    started, chance = time.monotonic(), random.Random(1)
    count = 0
    for path, definition in definitions(options.shared / "corpora/azure-policy", refused):
        if definition.mode.lower() not in ("all", "indexed"):
            continue
        count += 1
        try:
            definition.check(snapshot.aliases)
            rule = definition.bind(parameters(definition))
        except Exception as error:  # noqa: BLE001 - a runner's border: a definition that cannot be bound is a miss, and is shown
            refused.append(f"{path.name}: {raised(error)}")
            continue
        chosen = resources if rule.types is None else [r for t in rule.types for r in by_type.get(t, [])]
        chosen = chosen + chance.sample(resources, min(options.all_pairs, len(resources)))
        pairs += len(chosen)
        wrong += [f"{path.name}: {text}" for text in compare(rule, chosen, snapshot, context)]
        for resource in chosen:
            states[
                judged(
                    lambda rule=rule, resource=resource: (
                        rule.evaluate(resource, snapshot, context).state.value
                    )
                )
            ] += 1  # type: ignore[misc]
    print("\n".join([*refused, *wrong[:40]]))
    print(
        f"{count} All/Indexed definitions, {len(refused)} refused; {len(resources)} bodies of {len(by_type)} types"
    )
    print(f"states: {dict(states)}; {time.monotonic() - started:.1f} s")
    pairs += len(refused)
    print(f"{pairs - len(wrong) - len(refused)}/{pairs} agree")
    return 1 if wrong or refused else 0


if __name__ == "__main__":
    sys.exit(main())
