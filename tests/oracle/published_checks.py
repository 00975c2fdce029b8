"""Own templates for what published checks of other scanners ask: `python tests/oracle/published_checks.py [FILE...] [-v]`.

Each line of a FILE has the resources of a template (a list, or symbolic names), perhaps parameters and variables, written by the
definition of a check, and whether the check should fail. A template is found where a policy or rule that names the check as its
equivalent fails. Prints recall and precision of each file, with and without the rules that are no policies, and `N/M match`; the exit
code is 0 where both reach the aim in each. Of tests/cases/gate, published_checks.jsonl has the checks of KICS and Template Analyzer,
drawn_checks.jsonl a draw of 40 others, also of PSRule and Checkov, each in several forms: children, copies, nested deployments.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner

from nephoscope.cli.main import cli
from nephoscope.posture.code.rule_discovery import load_code_rules
from nephoscope.posture.code.template.equivalent_tool_checks import load_foreign_checks

CASES = tuple(
    Path(__file__).parents[1] / "cases" / "gate" / name
    for name in ("published_checks.jsonl", "drawn_checks.jsonl")
)
SCHEMA = "https://schema.management.azure.com/schemas/{}#"
SCHEMAS = {
    "resourceGroup": SCHEMA.format("2019-04-01/deploymentTemplate.json"),
    "subscription": SCHEMA.format("2018-05-01/subscriptionDeploymentTemplate.json"),
}
PARAMETER = re.compile(r"parameters\('(\w+)'\)")
RECALL, PRECISION = 0.92, 0.95


@dataclass(frozen=True)
class Figures:
    """How many weak templates are found, how many are not, and how many others are."""

    found: int
    missed: int
    wrong: int

    @property
    def recall(self) -> float:
        """The share of weak templates that are found."""
        return self.found / (self.found + self.missed)

    @property
    def precision(self) -> float:
        """The share of found templates that are weak."""
        return self.found / (self.found + self.wrong)


def write_template(case: Mapping[str, object]) -> str:
    """Write the template of a case; a parameter that it names has no value."""
    text = json.dumps(case["resources"])
    scope = str(case.get("scope", "resourceGroup"))
    if scope == "subscription":
        text = text.replace("[resourceGroup().location]", "westeurope")
    given = case.get("parameters")
    parameters: dict[str, object] = {name: {"type": "string"} for name in PARAMETER.findall(text)}
    parameters |= given if isinstance(given, dict) else {}
    template: dict[str, object] = {"$schema": SCHEMAS[scope], "contentVersion": "1.0.0.0"}
    if isinstance(case["resources"], dict):
        template["languageVersion"] = "2.0"
    template |= {"parameters": parameters, "variables": case.get("variables", {})}
    return json.dumps({**template, "resources": json.loads(text)}, indent=1)


def scan(folder: Path) -> dict[int, set[str]]:
    """The rules that fail in each template, by its number."""
    with tempfile.TemporaryDirectory() as data:
        words = ["--data", data, "scan", str(folder), "-o", "json", "--tools", "none"]
        result = CliRunner().invoke(cli, words)
    failed: dict[int, set[str]] = defaultdict(set)
    for one in json.loads(result.stdout)["findings"]:
        finding = one["finding"]
        if finding["state"] == "Failed":
            failed[int(Path(finding["region"]["file"]).stem)].add(finding["rule"])
    return failed


def list_equivalents(*, rules: bool) -> dict[str, set[str]]:
    """The policies, and the rules where they count, by the published check that they are equivalent to."""
    found: dict[str, set[str]] = defaultdict(set)
    for key, checks in load_foreign_checks().items():
        for check in checks:
            found[check].add(key)
    for rule in load_code_rules().values() if rules else ():
        for check in rule.equivalents:
            found[check].add(rule.id)
    return found


def compare(
    cases: Sequence[Mapping[str, object]], failed: Mapping[int, set[str]], equivalents: Mapping[str, set[str]]
) -> Iterator[tuple[Mapping[str, object], bool]]:
    """Each case, and whether an equivalent of its check fails in it."""
    for number, case in enumerate(cases):
        check = str(case["check"])
        yield case, bool(failed.get(number, set()) & equivalents.get(check, set()))


def count(judged: Sequence[tuple[Mapping[str, object], bool]]) -> Figures:
    """Count what was found."""
    found = sum(bool(case["weak"]) and hit for case, hit in judged)
    missed = sum(bool(case["weak"]) and not hit for case, hit in judged)
    return Figures(found, missed, sum(hit and not case["weak"] for case, hit in judged))


def main(words: list[str]) -> int:
    """Print the figures of each file; 0 where all reach the aim."""
    parser = argparse.ArgumentParser(prog="published_checks.py")
    parser.add_argument("files", type=Path, nargs="*", default=CASES)
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args(words)
    reached = [measure(file, verbose=options.verbose) for file in options.files]
    return 0 if all(reached) else 1


def measure(file: Path, *, verbose: bool) -> bool:
    """Print the figures of a file; tell whether they reach the aim."""
    print(file.name)
    cases = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    with tempfile.TemporaryDirectory() as folder:
        for number, case in enumerate(cases):
            (Path(folder) / f"{number}.json").write_text(write_template(case), encoding="utf-8")
        failed = scan(Path(folder))
    for name, rules in (("policies alone", False), ("policies and rules", True)):
        judged = list(compare(cases, failed, list_equivalents(rules=rules)))
        figures = count(judged)
        print(f"{name}: recall {figures.recall:.3f}, precision {figures.precision:.3f}")
    for number, (case, hit) in enumerate(judged):
        if verbose and bool(case["weak"]) is not hit:
            print(
                f"{'FALSE' if hit else 'MISS'} {number + 1} {case['check']}: {json.dumps(case['resources'])[:200]}"
            )
    print(f"{len(judged) - figures.missed - figures.wrong}/{len(judged)} match")
    return figures.recall >= RECALL and figures.precision >= PRECISION


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
