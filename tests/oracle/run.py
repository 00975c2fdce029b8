"""Run every oracle runner over the shared corpora and print one table: `python tests/oracle/run.py`.

The corpora are at ../shared or at $NEPHOSCOPE_SHARED; exit 2 where they are not. Exit 1 where a runner's matches fall under the
share that it must reach or lie more than a point above it, or where it ends without its sum.
"""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
SUM = re.compile(r"(\d+)/(\d+) (?:match|agree)")


@dataclass(frozen=True)
class Runner:
    """A runner, the folder it is given, further arguments, and the share of matches that it must reach."""

    name: str
    corpus: str
    arguments: tuple[str, ...] = ()
    share: float = 1.0


RUNNERS = (
    Runner("policy_cases.py", "corpora/policy-oracle", share=0.99),
    Runner("compiled_equals_explained.py", "."),
    Runner("initiatives.py", "corpora/azure-policy"),
    Runner("assessment_keys.py", "corpora/azure-policy"),
    Runner("severities.py", "corpora/azure-policy", share=0.99),
    Runner("own_pack.py", "corpora"),
    Runner("sample_estate.py", "corpora/azure-policy"),
    Runner("compliance.py", "corpora/azure-policy"),
    Runner("unread_is_unknown.py", "corpora", ("--types", "12")),
    Runner("collect.py", "corpora/resources"),
    Runner("pipeline_cases.py", "corpora/pipelines", share=0.99),
    Runner("facts_cases.py", "corpora/facts-cases"),
    Runner("absent_children.py", "corpora"),
    Runner("linux_baseline.py", "corpora/baselines"),
    Runner("machine_builtins.py", "corpora/azure-policy/built-in-policies/policyDefinitions"),
    Runner("version_cases.py", "corpora/versions", share=0.99),
    Runner("vulnerability_cases.py", "corpora/vulnmatch", share=0.99),
    Runner("vulnerability_cases.py", "corpora/vulnerabilities"),
    Runner("feed_cases.py", "corpora/feeds"),
    Runner("inventory_cases.py", "corpora/inventory", share=0.98),
    Runner("audit_cases.py", "corpora/detection"),
    Runner("sbom_cases.py", "corpora/sbom", share=0.98),
    Runner("template_cases.py", "corpora/templates", share=0.99),
    Runner("template_mutations.py", "corpora/templates", ("--every", "2", "--literals", "4")),
    Runner("kql_parse.py", "corpora", share=0.99),
    Runner("kql_cases.py", "corpora/kql", share=0.94),
    Runner("kql_community.py", "corpora/kql", share=0.98),
    Runner("kql_cases.py", "corpora/kql", ("--engine", "witness", "--file", "engine_cases"), share=0.99),
    Runner("kql_spark.py", "corpora", ("--every", "20", "--rules", "25"), share=0.97),
    Runner("kql_rules.py", "corpora", ("--hostile", "30"), share=0.98),
    Runner("log_events.py", "corpora", share=0.99),
    Runner("labelled_events.py", "corpora/logs/labelled_events.jsonl", share=0.94),
    Runner("host_attacks.py", "corpora/detection", share=0.90),
    Runner("lake_tables.py", "corpora"),
    Runner("lake_parsers.py", "corpora", share=0.93),
    Runner("kql_satisfy.py", "corpora", ("--every", "10"), share=0.82),
    Runner("network_cases.py", "corpora/network", share=0.99),
    Runner("network_packets.py", "corpora/network", ("--flows", "200000")),
    Runner("identity_cases.py", "corpora/identity", share=0.95),
    Runner("api_examples.py", "corpora/azure-api/examples.jsonl", share=0.94),
)


#: Runners that are begun first, so that none of them is left alone at the end.
LONG = frozenset({"api_examples.py", "kql_rules.py", "host_attacks.py", "labelled_events.py", "kql_spark.py"})
AT_ONCE = 2
Row = tuple[Runner, int, int, float, int]


def judgement(share: float, matched: int, total: int, code: int) -> str:
    """What is wrong with the end of a runner, '' where nothing is: a share that lies more than a point under the figure too."""
    if not total or code not in (0, 1) or matched < share * total:
        return "FAILED"
    # of few records one is more than a point
    most = max((share + 0.01) * total, math.ceil(share * total) + 1)
    return f"LOOSE: raise the share to {100 * matched // total}%" if matched > most else ""


def main() -> int:
    """Run them all, two at a time, the longest first, and tell of them in their order."""
    shared = Path(os.environ.get("NEPHOSCOPE_SHARED") or HERE.parents[2] / "shared")
    if not (shared / "corpora").is_dir():
        print(f"no shared corpora at {shared}: set NEPHOSCOPE_SHARED", file=sys.stderr)
        return 2
    failed = 0
    rows = _rows(shared)
    print(f"\n{'runner':<32}{'matched':>10}{'of':>10}{'share':>9}{'needed':>9}{'seconds':>9}")
    for runner, matched, total, seconds, code in rows:
        wrong = judgement(runner.share, matched, total, code)
        failed += bool(wrong)
        share = f"{matched / total:.2%}" if total else "no sum"
        print(
            f"{runner.name:<32}{matched:>10,}{total:>10,}{share:>9}{runner.share:>9.0%}{seconds:>9.0f}  {wrong}"
        )
    print(f"\n{len(rows) - failed} passed, {failed} failed")
    return 1 if failed else 0


def _rows(shared: Path) -> list[Row]:
    """What each runner found; no runner is judged by the time that it took."""
    longest = sorted(RUNNERS, key=lambda one: one.name not in LONG)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running = {one: pool.submit(_run, one, shared) for one in longest}
        found = []
        for runner in RUNNERS:
            row, told = running[runner].result()
            print(told, flush=True)
            found.append(row)
        return found


def _run(runner: Runner, shared: Path) -> tuple[Row, str]:
    """The row of a runner, and the end of what it said."""
    begun = time.monotonic()
    command = [sys.executable, str(HERE / runner.name), str(shared / runner.corpus), *runner.arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    found = SUM.findall(done.stdout)
    told = f"--- {runner.name}\n" + "\n".join(lines[-12:])
    if done.returncode > 1:
        told += f"\n{done.stderr.strip()[-2000:]}"
    matched, total = (int(text) for text in found[-1]) if found else (0, 0)
    return (runner, matched, total, time.monotonic() - begun, done.returncode), told


if __name__ == "__main__":
    sys.exit(main())
