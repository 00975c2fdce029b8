"""Regulatory compliance by command line: `python tests/oracle/compliance.py CORPUS`.

CORPUS is a checkout of the public policy repository. It is imported with `nephoscope content import`; the sample estate is
judged by each standard with `nephoscope scan` and `nephoscope compliance`, both as JSON, and the second is worked out again
from the first: a policy fails where an assessment of its reference is NonCompliant, is unknown where one is Unknown or Error,
passes where one is Compliant or Exempt. Every control of the initiative must be there exactly once, with every policy that
names it and no other; shares and outcomes must add up. Each policy in each control is one comparison, and so is each sum.
The last line is `N/M match`; exit 1 on a miss.
"""

from __future__ import annotations

import collections
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from corpus_records import documents_of, properties_of, raised

STANDARDS = {
    "NIST SP 800-53 Rev. 5": "179d1daa-458f-4e47-8086-2a68d0d6c38f",
    "PCI DSS v4.0.1": "a06d5deb-24aa-4991-9d58-fa7563154e31",
    "CIS v3.0.0": "470a962c-",
    "CIS v2.0.0": "06f19060-",
}
AT = "2026-11-01T12:00:00Z"
WORST = ("failed", "unknown", "passed", "notApplicable", "unavailable")


class Command:
    """The command line in one data folder."""

    def __init__(self, data: Path) -> None:
        self._start = [sys.executable, "-m", "nephoscope.cli.main", "--data", str(data)]

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run([*self._start, *arguments], capture_output=True, text=True, check=False)
        if done.returncode not in (0, 3) or "Traceback" in done.stderr:
            raise SystemExit(
                f"nephoscope {' '.join(arguments)} ended with {done.returncode}: {done.stderr[-2000:]}"
            )
        return done.stdout


class Comparison:
    """One standard: the printed compliance beside what its initiative and its assessments say."""

    def __init__(self, initiative: dict[str, Any], scan: dict[str, Any], told: dict[str, Any]) -> None:
        self.members = {
            member["policyDefinitionReferenceId"].lower(): [
                name.lower() for name in member.get("groupNames") or []
            ]
            for member in initiative["policyDefinitions"]
        }
        self.groups = [group["name"].lower() for group in initiative.get("policyDefinitionGroups") or []]
        self.states: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
        for row in scan["assessments"]:
            self.states[row["reference"].lower()][row["state"]] += 1
        self.told = told
        self.counts: collections.Counter[bool] = collections.Counter()

    def run(self) -> None:
        controls = [control["name"].lower() for control in self.told["details"]]
        self.count("controls once each", sorted(controls) == sorted(self.groups))
        for control in self.told["details"]:
            self.control(control)
        self.sums()

    def control(self, control: dict[str, Any]) -> None:
        name = control["name"].lower()
        wanted = {reference for reference, groups in self.members.items() if name in groups}
        listed = [item["reference"].lower() for item in control["policies"]]
        self.count(f"{name}: its policies", sorted(listed) == sorted(wanted))
        outcomes = [self.policy(name, item) for item in control["policies"]]
        self.count(
            f"{name}: outcome",
            control["outcome"] == min(outcomes, key=WORST.index, default="unavailable"),
        )

    def policy(self, control: str, item: dict[str, Any]) -> str:
        """Compare one policy in one control; its outcome as the assessments give it."""
        states = self.states[item["reference"].lower()]
        self.count(f"{control} {item['reference']}: resources", dict(states) == item["resources"])
        if item["kind"] in ("document", "disabled"):
            expected = "unavailable"
        elif states["NonCompliant"]:
            expected = "failed"
        elif states["Unknown"] or states["Error"]:
            expected = "unknown"
        elif states["Compliant"] or states["Exempt"]:
            expected = "passed"
        else:
            # Nothing was judged: whether its types were read is not in the assessments, but it must be one of these.
            expected = item["outcome"] if item["outcome"] in ("notApplicable", "unknown") else "?"
        self.count(f"{control} {item['reference']}: {item['outcome']}", item["outcome"] == expected)
        return str(item["outcome"])

    def sums(self) -> None:
        told = self.told
        self.count("shares add up to the policies", sum(told["policies"].values()) == len(self.members))
        self.count("outcomes add up to the controls", sum(told["controls"].values()) == len(self.groups))
        counted = collections.Counter(control["outcome"] for control in told["details"])
        self.count(
            "outcomes of the controls", {**dict.fromkeys(told["controls"], 0), **counted} == told["controls"]
        )
        judged = counted["passed"] + counted["failed"]
        share = round(counted["passed"] / judged, 4) if judged else None
        self.count("percentage", told["percentage"] == share)
        kinds = {item["reference"]: item for control in told["details"] for item in control["policies"]}
        if len(kinds) == len(self.members):
            manual = sum(item["kind"] == "manual" for item in kinds.values())
            unavailable = sum(item["outcome"] == "unavailable" for item in kinds.values())
            self.count("manual share", told["policies"]["manual"] == manual)
            self.count("unavailable share", told["policies"]["unavailable"] == unavailable)

    def count(self, what: str, good: bool) -> None:
        self.counts[good] += 1
        if not good:
            print(f"miss: {what}")


def initiatives(corpus: Path) -> dict[str, dict[str, Any]]:
    """The public initiatives by id."""
    found = {}
    for path in sorted(corpus.rglob("policySetDefinitions/**/*.json")):
        ((_, document, _),) = documents_of([path])
        body = properties_of(document)
        if "Azure Government" not in path.parts and "policyDefinitions" in body and "name" in document:
            found[str(document["name"]).lower()] = body
    return found


def compared(
    command: Command, known: dict[str, dict[str, Any]], title: str, start: str
) -> collections.Counter[bool]:
    """What matches of a standard whose initiative's name begins so, and what does not; prints its line."""
    name = next((one for one in known if one.startswith(start)), "")
    asked = ("sample:", "--no-history", "--at", AT, "--initiative", name, "-o", "json")
    told = json.loads(command("compliance", *asked))
    comparison = Comparison(known[name], json.loads(command("scan", *asked)), told[0])
    comparison.count("one standard is told", len(told) == 1)
    comparison.run()
    shares = ", ".join(f"{count} {share}" for share, count in told[0]["policies"].items())
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in told[0]["controls"].items())
    print(
        f"{title}: {len(comparison.members)} policies ({shares}); {len(comparison.groups)} controls ({outcomes})"
    )
    return comparison.counts


def main() -> int:
    """Print a line a standard and the sum; 2 when the corpus is not there."""
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        print(__doc__)
        return 2
    corpus = Path(sys.argv[1])
    known = initiatives(corpus)
    total: collections.Counter[bool] = collections.Counter()
    with tempfile.TemporaryDirectory() as data:
        command = Command(Path(data))
        print(command("content", "import", str(corpus)).splitlines()[0])
        for title, start in STANDARDS.items():
            try:
                total += compared(command, known, title, start)
            except Exception as error:  # noqa: BLE001 - a runner's border: an exception in a standard is a miss, and is shown
                print(f"miss: {title}: {raised(error)}")
                total[False] += 1
    print(f"{total[True]}/{total.total()} match")
    return 1 if total[False] else 0


if __name__ == "__main__":
    sys.exit(main())
