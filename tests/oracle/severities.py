"""The published severities against the public policies: each row names policies and assessment keys that exist.

`python tests/oracle/severities.py FOLDER [-v]`

FOLDER is a checkout of the public policy repository. A row matches when its policy is a definition there and, where that
definition reads an assessment, the row or another one gives a severity for the key; every key that a definition in force reads
must have a severity too: those whose recommendation is on no page, or on one without a severity, are misses. The last line is
`N/M match`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from nephoscope.content.loader import load_documents
from nephoscope.posture.recommendations.severities import Severities
from nephoscope_policy.arm_object import ArmObject
from nephoscope_policy.catalog import PolicyCatalog

TYPE = "microsoft.security/assessments"


def read_keys(folder: Path) -> dict[str, str]:
    """The assessment key that a definition reads ('' for none), by the definition's name."""
    found = {}
    for entry in PolicyCatalog.of(load_documents(folder)).definitions():
        rule = ArmObject(entry.document()).get_child("properties").get_child("policyRule")
        details = rule.get_child("then").get_value("details")
        delegated = isinstance(details, dict) and str(details.get("type", "")).lower() == TYPE
        found[entry.id.rsplit("/", 1)[-1]] = str(details["name"]).lower() if delegated else ""
    return found


def main() -> int:
    """Compare, print what does not match, then the sum."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-v", "--verbose", action="store_true")
    arguments = parser.parse_args()
    severities = Severities.load()
    reads = read_keys(arguments.folder)
    missed = [f"policy {name}: not held" for name in severities.policies if name not in reads]
    keys = sorted({key for key in reads.values() if key})
    missed += [f"key {key}: no severity" for key in keys if key not in severities.assessments]
    total = len(severities.policies) + len(keys)
    if arguments.verbose:
        print(f"{len(severities.policies)} policies, {len(keys)} keys")
    for line in missed:
        print(line)
    print(f"{total - len(missed)}/{total} match")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
