"""Compare the rules of the Linux baseline with a list of Azure's: `python tests/oracle/linux_baseline.py CORPUS`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import msgspec

from nephoscope.protect.baseline.rule_discovery import load_baseline_rules


class ListedRule(msgspec.Struct, frozen=True, rename="camel"):
    """A rule of Azure's list."""

    rule_id: str
    title: str
    key: str
    expected: str


def compare(folder: Path) -> list[str]:
    """Return how the rules differ from the list in a folder."""
    listed = msgspec.json.decode(
        (folder / "azure_linux_baseline_rules.json").read_bytes(), type=list[ListedRule]
    )
    rules = load_baseline_rules()
    differing = [
        f"unknown rule {rule.id} {rule.name}"
        for rule in rules.values()
        if rule.id not in {one.rule_id for one in listed}
    ]
    for one in listed:
        number = found[1] if (found := re.search(r"Server - ([\d.]+)", one.title)) else ""
        rule = rules.get(one.rule_id)
        if rule is None or (rule.name, rule.cis) != (one.key, number):
            differing.append(f"{one.rule_id} {one.key} {number}: {rule and (rule.name, rule.cis)}")
    print(f"{len(listed) - len(differing)}/{len(listed)} agree; {len(rules)} rules implemented")
    return differing


if __name__ == "__main__":
    found = compare(Path(sys.argv[1]))
    print("\n".join(found))
    sys.exit(bool(found))
