"""`make demo CI=1`: scan the sample estate with the installed command and check it: `demo.py NEPHOSCOPE DATA`.

Prints one line a check; exits 1 when one fails, with what differs.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PLANTED = Path(__file__).parents[2] / "src" / "nephoscope" / "content" / "sample" / "planted.json"


def scanned(command: str, data: str) -> dict[str, Any]:
    """The JSON of a scan of the sample estate; raises RuntimeError with what the command said when it fails."""
    asked = [command, "--data", data, "scan", "sample:", "--output", "json"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(asked)} ended with {done.returncode}:\n{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def pairs(rows: list[dict[str, Any]], policy: str) -> set[tuple[str, str]]:
    """(resource, policy) of some rows."""
    return {(row["resource"].lower(), row[policy]) for row in rows}


def checks(scan: dict[str, Any]) -> list[tuple[str, list[Any]]]:
    """What is checked, with what is wrong about it."""
    planted = json.loads(PLANTED.read_text(encoding="utf-8"))
    by_state = {
        state: pairs([row for row in scan["assessments"] if row["state"] == state], "reference")
        for state in ("NonCompliant", "Exempt")
    }
    wanted = {
        "NonCompliant": pairs([row for row in planted if "exempt" not in row], "policy"),
        "Exempt": pairs([row for row in planted if "exempt" in row], "policy"),
    }
    score = scan["score"]
    return [
        (f"{len(wanted[state])} planted {state} and no other", sorted(wanted[state] ^ by_state[state]))
        for state in by_state
    ] + [
        (f"a score: {score.get('percentage')}", [] if score.get("scored") else [score]),
        (
            "no evaluation ended in an error",
            [] if scan["summary"]["states"].get("Error") == 0 else [scan["summary"]],
        ),
        ("nothing was quarantined", scan["summary"]["quarantined"]),
    ]


def main() -> int:
    """Scan, check, print."""
    command, data = sys.argv[1:3]
    failed = 0
    for title, wrong in checks(scanned(command, data)):
        print(("ok      " if not wrong else "FAILED  ") + title)
        for item in wrong[:20]:
            print(f"        {item}")
        failed += bool(wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
