"""Count the NonCompliant verdicts that rest on an absent child: `python tests/oracle/absent_children.py CORPORA [--list]`.

Each file of recorded bodies in CORPORA/resources is judged alone, by every built-in definition of CORPORA/azure-policy that binds
without parameters. A verdict rests on an absent child where its `existenceCondition` had no resource to look at. The table
names each child that was missed; `--list` prints each verdict. A child that Azure always has may never be
among them: exit 1 where one is, 2 when nothing was judged.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from unread_is_unknown import CONTEXT, definitions

import nephoscope_policy as policy
from nephoscope.collect import resources
from nephoscope.estate.estate import Estate
from nephoscope_policy.azure_facts import always_exists
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.state import ComplianceState

#: What the reason of such a verdict says.
ABSENT = re.compile(r"there is no ([^ ]+)(?: named '(.*)')?")


@dataclass(frozen=True)
class Absence:
    """A verdict that rests on a child that is not there."""

    resource: Resource
    definition: str
    child: str
    name: str

    @property
    def always_exists(self) -> bool:
        """Whether Azure has such a child of each resource of the type."""
        return always_exists(self.resource.type, self.child, self.name.lower())

    def __str__(self) -> str:
        return f"{self.child} {self.name or '(any)'} of {self.resource.type}"


def list_absences(
    rules: list[tuple[policy.Definition, policy.Rule]], estate: Estate
) -> Iterator[Absence | None]:
    """Yield for each NonCompliant verdict the child that it missed, None where it missed none."""
    snapshot = policy.Snapshot(estate.resources.values(), coverage=estate.coverage)
    for definition, rule in rules:
        for type_ in definition.types or ():
            for resource in estate.list_of_type(type_):
                result = rule.evaluate(resource, snapshot, CONTEXT)
                if result.state is ComplianceState.NON_COMPLIANT:
                    missed = ABSENT.fullmatch(result.reasons[-1].message) if result.reasons else None
                    yield (
                        Absence(resource, definition.name, missed[1].lower(), missed[2] or "")
                        if missed
                        else None
                    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpora", type=Path)
    parser.add_argument("--list", action="store_true", help="print each verdict")
    options = parser.parse_args()
    rules: list[tuple[policy.Definition, policy.Rule]] = []
    found: list[Absence | None] = []
    for path in sorted((options.corpora / "resources").glob("*.jsonl")):
        estate = resources.load([path])
        snapshot = policy.Snapshot(estate.resources.values(), coverage=estate.coverage)
        rules = rules or [
            one
            for one in definitions(options.corpora / "azure-policy", snapshot)
            if one is not None and one[0].types
        ]
        found += list_absences(rules, estate)
    absent = [one for one in found if one is not None]
    wrong = [one for one in absent if one.always_exists]
    for one in absent if options.list else wrong:
        print(f"{one.resource.key}: {one.definition}: {one}")
    for child, count in Counter(map(str, absent)).most_common():
        print(f"{count:>6,}  {child}")
    print(f"{len(absent):,} of {len(found):,} NonCompliant verdicts rest on an absent child")
    print(f"{len(absent) - len(wrong)}/{len(absent)} match: the child can be absent")
    return 2 if not found else bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
