"""Modify and append previews of every built-in: the patch, applied to a body that the rule wants changed, must satisfy the rule.

Usage: python tests/oracle/modify_makes_compliant.py [SHARED]. Bodies are the recorded ones, and per type one bare body. Ends
`N/M satisfied`, with what remains by reason; then the deployments of deployIfNotExists rules, whose parameters must evaluate.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from compiled_equals_explained import definitions, parameters, recorded
from corpus_records import raised

import nephoscope_policy as policy
from nephoscope_policy.model.resource import Resource

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
GROUP = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/bare"


def bare(type_: str) -> Iterator[Resource]:
    """Bodies of a type with nothing in them."""
    if type_ == "microsoft.resources/subscriptions":
        yield Resource.of({"id": GROUP.split("/resourceGroups", maxsplit=1)[0]})
    if "/" not in type_ or type_.startswith("microsoft.resources/subscriptions"):
        return
    parts = type_.split("/")
    path = "/".join(f"{part}/one" for part in parts[1:])
    identifier = f"{GROUP}/providers/{parts[0]}/{path}"
    yield Resource.of(
        {"id": identifier, "type": type_, "location": "westeurope", "tags": {}, "properties": {}}
    )


def group() -> Resource:
    return Resource.of(
        {"id": GROUP, "location": "westeurope", "tags": {"x": "of the group"}, "properties": {}}
    )


def main() -> int:
    shared = Path(
        sys.argv[1] if len(sys.argv) > 1 else os.environ.get("NEPHOSCOPE_SHARED", ROOT.parent / "shared")
    )
    resources, context = recorded(shared), policy.EvaluationContext()
    base = policy.Snapshot([*resources, group()])
    total = good = rules = deployments = deployed = 0
    remains: Counter[str] = Counter()
    refused: list[str] = []
    for path, definition in definitions(shared / "corpora/azure-policy", refused):
        rule = definition.bind(parameters(definition))
        if rule.data_plane or rule.effect_key not in ("modify", "append", "deployifnotexists"):
            continue
        types = rule.types or frozenset({"microsoft.compute/virtualmachines"})
        chosen = [r for r in resources if r.type in types] + [body for type_ in types for body in bare(type_)]
        rules += rule.effect_key != "deployifnotexists"
        for resource in chosen:
            snapshot = base if base.find(resource.key) else base.with_overlay([resource])
            if not rule.assess(resource, snapshot, context).matched:
                continue
            try:
                shown = policy.preview(definition, resource, snapshot, parameters(definition), context)
            except Exception as error:  # noqa: BLE001 - a runner's border: an exception in a pair is a miss, and is shown
                remains[f"{path.name}: {raised(error)}"] += 1
                total += rule.effect_key != "deployifnotexists"
                deployments += rule.effect_key == "deployifnotexists"
                continue
            if rule.effect_key == "deployifnotexists":
                deployments += 1
                deployed += shown.deployment is not None
                continue
            total += 1
            changed = shown.apply_patch(resource)
            after = rule.explain(changed, base.with_overlay([changed]), context)
            good += not after.matched
            if after.matched:
                left = [f"{reason.subject} {reason.operator}" for reason in after.reasons][-1:]
                remains[
                    f"{path.name}: {len(shown.patch)} changes, {len(shown.conflicts)} conflicts, still {left}"
                ] += 1
    for text, count in remains.most_common(30):
        print(f"{count} {text}")
    print(f"{rules} modify and append rules; {deployed}/{deployments} deployments shown")
    print("\n".join(refused))
    total += len(refused)
    print(f"{good}/{total} satisfied")
    return 0 if good >= 0.98 * total else 1


if __name__ == "__main__":
    sys.exit(main())
