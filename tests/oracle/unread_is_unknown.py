"""Leave things out of the recorded estate and watch the built-in policies: no verdict may flip, except to Unknown.

Usage: python tests/oracle/unread_is_unknown.py ../shared/corpora [--types N]

Every built-in definition whose `if` names types and whose parameters have defaults is run over the recorded bodies,
whole; then without all properties; then
without one resource type at a time (all of them, or N), over the definitions that look at that type. Exit 1 when a verdict
flips, 2 when nothing was judged.
"""

from __future__ import annotations

import argparse
import collections
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from corpus_records import documents_of, properties_of, raised

import nephoscope_policy as policy
from nephoscope.collect import resources
from nephoscope.estate.coverage_inference import CoverageInference
from nephoscope.estate.estate import Estate
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.state import ComplianceState

#: The verdict of a pair that an exception came of: it counts as flipped.
RAISED = "raised"
CONTEXT = policy.EvaluationContext(now=datetime(2026, 5, 1, tzinfo=UTC))


def definitions(folder: Path, snapshot: policy.Snapshot):
    for one in documents_of(sorted(folder.rglob("*.json"))):
        if one.wrong:
            print(f"{one.place}: {one.wrong}")
            yield None
        if "policyRule" not in properties_of(one.value):
            continue
        try:
            definition = policy.Definition.parse(one.value)
            definition.check(snapshot.aliases, snapshot.switches)
            yield definition, definition.bind()
        except policy.PolicyError:
            yield None
        except Exception as error:  # noqa: BLE001 - a runner's border: a document that cannot be judged is shown
            print(f"{one.place}: {raised(error)}")
            yield None


def estate_of(own: list[Resource]) -> Estate:
    """The estate as the loader would infer it from these bodies (embedded children count as found in their parent)."""
    inference = CoverageInference()
    for resource in own:
        inference.add_resource(resource)
    return Estate.of(own, inference.build_manifest())


def assess(rules, estate: Estate):
    snapshot = policy.Snapshot(estate.resources.values(), coverage=estate.coverage)
    found = {}
    for definition, rule in rules:
        types = definition.types if definition.types is not None else frozenset()
        for type_ in types:
            for resource in estate.list_of_type(type_):
                found[resource.key, definition.name] = state_of(rule, resource, snapshot)
    return found


def state_of(rule, resource: Resource, snapshot: policy.Snapshot) -> ComplianceState | str:
    """The state of a verdict, or RAISED, which is shown."""
    try:
        return rule.evaluate(resource, snapshot, CONTEXT).state
    except Exception as error:  # noqa: BLE001 - a runner's border: an exception in a verdict is a flip, and is shown
        print(f"{resource.key}: {raised(error)}")
        return RAISED


def flips(before, after):
    return [
        (key, before.get(key), state)
        for key, state in after.items()
        if state == RAISED or (key in before and state not in (before[key], ComplianceState.UNKNOWN))
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpora", type=Path)
    parser.add_argument("--types", type=int, default=10**6)
    options = parser.parse_args()
    own = [
        resource
        for resource in resources.load(
            [options.corpora / "resources" / "live_arm_bodies.jsonl"]
        ).resources.values()
        if not resource.derived
    ]
    whole = estate_of(own)
    snapshot = policy.Snapshot(whole.resources.values(), coverage=whole.coverage)
    found = list(definitions(options.corpora / "azure-policy", snapshot))
    rules = [item for item in found if item is not None and item[0].types]
    without = sum(item is None for item in found)
    print(f"{without} of {len(found)} left out: a parameter has no default, or it does not compile")
    began = time.perf_counter()
    before = assess(rules, whole)
    print(f"{len(rules)} definitions, {len(before)} verdicts in {time.perf_counter() - began:.1f} s")
    print(
        "  "
        + ", ".join(
            f"{state}: {count}" for state, count in collections.Counter(before.values()).most_common()
        )
    )
    bare = [
        Resource(r.id, {k: v for k, v in r.body.items() if k != "properties"}, complete=False) for r in own
    ]
    after = assess(rules, estate_of(bare))
    flipped = flips(before, after)
    turned = sum(
        after[key] is ComplianceState.UNKNOWN and before[key] is not ComplianceState.UNKNOWN for key in after
    )
    judged = len(after)
    print(f"without all properties: {len(flipped)} flipped, {turned} turned Unknown")
    removed = turned = 0
    for type_ in sorted(whole.types)[: options.types]:
        looking = [item for item in rules if type_ in item[0].related_types]
        without = estate_of([resource for resource in own if resource.type != type_])
        after = assess(looking, without)
        judged += len(after)
        flipped += flips(before, after)
        turned += sum(
            after[key] is ComplianceState.UNKNOWN and before.get(key) is not ComplianceState.UNKNOWN
            for key in after
        )
        removed += 1
    print(f"without one of {removed} types at a time: {turned} turned Unknown")
    for (resource, name), was, now in flipped[:20]:
        print(f"  FLIP {was} -> {now}: {name} on {resource}")
    print(f"{len(flipped)} verdicts flipped")
    print(f"{judged - len(flipped)}/{judged} match")
    return 1 if flipped else 0 if before else 2


if __name__ == "__main__":
    sys.exit(main())
