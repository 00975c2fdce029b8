"""Benchmark policies on the sample estate: `python tests/oracle/sample_estate.py CORPUS [-v]`.

CORPUS is a checkout of the public policy repository. Every policy of the Microsoft cloud security benchmark, with the
initiative's default parameters, judges the sample estate with the analyzers' assessments on top. A policy matches when it
ends Compliant on one resource and NonCompliant on another; `N/M match` counts the M policies that the estate is planned to
show both ways (tests/cases/sample/benchmark.json). Policies that are switched off by default, and data-plane ones, are not
planned. Each policy that does not give both is listed with what it gave and why.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from corpus_records import raised

from nephoscope.collect import resources
from nephoscope.content.loader import load_documents
from nephoscope.estate.estate import Estate
from nephoscope.posture.evaluation.analyzer_results import run_all_analyzers
from nephoscope.posture.evaluation.evaluation_run import EvaluationRun, evaluate_estate
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope_policy.catalog import PolicyCatalog
from nephoscope_policy.model.state import ComplianceState

BENCHMARK = "1f3afdf9-d0c9-4c3d-847f-89da613e70a8"
PLANNED = Path(__file__).parent.parent / "cases" / "sample" / "benchmark.json"
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
BOTH = (ComplianceState.COMPLIANT, ComplianceState.NON_COMPLIANT)


@dataclass
class Verdict:
    """How one policy ended on the estate: resources by state, and by the cause behind the states that have one."""

    key: str
    title: str = ""
    states: Counter[ComplianceState] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)

    @property
    def kind(self) -> str:
        """`both`, `one` or `none` of Compliant and NonCompliant."""
        return ("none", "one", "both")[sum(self.states[state] > 0 for state in BOTH)]

    def __str__(self) -> str:
        states = ", ".join(f"{count} {state}" for state, count in sorted(self.states.items()))
        causes = ", ".join(f"{count} {cause}" for cause, count in self.causes.most_common())
        why = states or "no resource of its types"
        return f"{self.kind:5}{self.key}  {self.title[:70]:70}  {why}{f' ({causes})' if causes else ''}"


def assess(estate: Estate, corpus: Path) -> EvaluationRun:
    """The benchmark's run over an estate."""
    catalog = PolicyCatalog.of(load_documents(corpus))
    return evaluate_estate(
        estate, EvaluationPlan(catalog).with_assignment(BENCHMARK), NOW, analyzers=run_all_analyzers
    )


def verdicts(run: EvaluationRun) -> Mapping[str, Verdict]:
    """The verdict of every member of the benchmark, by the policy's name."""
    found = {member.key: Verdict(member.key) for member in run.requirements.values()}
    for (key, state, cause), count in run.counts.items():
        found[key].states[state] += count
        if cause:
            found[key].causes[cause] += count
    for key, verdict in found.items():
        verdict.title = run.catalog.get_definition(key).display_name
    return found


def report(found: Mapping[str, Verdict], planned: list[str], *, verbose: bool) -> Iterator[str]:
    """The lines to print; the last is `N/M match`."""
    wanted = set(planned)
    for verdict in sorted(found.values(), key=lambda one: (one.kind, one.key)):
        if verbose or verdict.kind != "both" or verdict.key not in wanted:
            yield ("  " if verdict.key in wanted else "- ") + str(verdict)
    kinds = Counter(verdict.kind for verdict in found.values())
    yield f"{len(found)} policies: {kinds['both']} both, {kinds['one']} one, {kinds['none']} none"
    matched = sum(key in found and found[key].kind == "both" for key in wanted)
    yield f"{matched}/{len(wanted)} match"


def main() -> int:
    """Print the report; 1 when a planned policy does not give both verdicts, 2 when the corpus is not there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("-v", "--verbose", action="store_true", help="also list the policies that give both")
    arguments = parser.parse_args()
    if not arguments.corpus.is_dir():
        print(f"{arguments.corpus}: no such folder", file=sys.stderr)
        return 2
    estate = resources.load([Path(str(files("nephoscope.content") / "sample" / "snapshot"))])
    planned = json.loads(PLANNED.read_text(encoding="utf-8"))
    try:
        found = verdicts(assess(estate, arguments.corpus))
    except Exception as error:  # noqa: BLE001 - a runner's border: without a judgement every planned policy is a miss
        print(raised(error))
        found = {}
    lines = list(report(found, planned, verbose=arguments.verbose))
    print("\n".join(lines))
    return 0 if lines[-1] == f"{len(set(planned))}/{len(set(planned))} match" else 1


if __name__ == "__main__":
    sys.exit(main())
