"""Template expansion against foreign cases: `python tests/oracle/template_cases.py DIR [-v] [--set NAME ...]`.

DIR holds sets by file name (shared/corpora/templates and its README say what they are). Prints each disagreement with -v, why cases
are excluded, a table by set, and `N/M match`. Whatever a set's own question is, each of its templates must expand or fail with a place
and a reason: that is the set's second line, `expands`. The verdicts of arm_ttk are compared for rules that ask the same here.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import corpus_records
import template_expansions
import template_functions
import template_pairs
import template_rules
from template_records import MATCH, Verdict, expanded, lines, loader, miss

from nephoscope_policy.arm.template import TemplateError, TemplateExpansion, find_unknown

Judge: TypeAlias = Callable[[Mapping[str, Any]], Verdict | Iterable[Verdict]]


#: What each set asks of a record; None asks no more than that its templates expand.
SETS: dict[str, Judge | None] = {
    "arm_functions": template_functions.assess,
    "expansions": template_expansions.assess,
    "bicep_pairs": template_pairs.judge_pair,
    "bicepparam": template_pairs.assess_parameters,
    "arm_ttk": template_rules.assess,
    "avm_language2": None,
    "bicep_decompile_inputs": None,
    "quickstarts": None,
}


def templates(record: Mapping[str, Any]) -> Iterator[tuple[Any, Any, Mapping[str, Any]]]:
    """The templates of a record, each with its parameters and linked files."""
    for name in ("template", "classic", "symbolic"):
        if record.get(name) is not None:
            yield record[name], record.get("parameters") or None, record.get("linked") or {}
    files = record.get("files") if record.get("arm") else None
    for name, text in (files or {}).items():
        if "parameters" not in name.lower() and ("template" in name.lower() or "deploy" in name.lower()):
            yield text, None, files or {}


class Expands:
    """Whether templates expand; counts what is planned, and how much of it is known."""

    def __init__(self) -> None:
        self.resources = self.known = self.properties = self.known_properties = 0

    def __call__(self, record: Mapping[str, Any]) -> Verdict:
        """Whether every template of a record expands, or fails with a place and a reason."""
        for template, parameters, linked in templates(record):
            try:
                expansion = expanded(template, parameters, load=loader(linked))
            except TemplateError as error:
                wrong = "" if error.problem.place.line and error.problem.message else str(error)
            else:
                self._count(expansion)
                wrong = _unplaced(expansion)
            if wrong:
                return miss(wrong)
        return MATCH

    def _count(self, expansion: TemplateExpansion) -> None:
        for resource in expansion.resources:
            properties = resource.body.get("properties")
            self.resources += 1
            self.known += find_unknown(properties) is None
            values = properties.values() if isinstance(properties, dict) else ()
            self.properties += len(values)
            self.known_properties += sum(find_unknown(value) is None for value in values)

    def __str__(self) -> str:
        return (
            f"{self.known} of {self.resources} resources have properties without an unknown; "
            f"{self.known_properties} of {self.properties} properties have none"
        )


def _unplaced(expansion: TemplateExpansion) -> str:
    for problem in expansion.problems:
        if not problem.place.file or not problem.place.line or not problem.message:
            return f"a problem has no place or no reason: {problem}"
    return ""


def judged(assess: Judge, record: corpus_records.Record) -> list[Verdict]:
    """The verdicts on a record; an exception is a miss."""
    if record.wrong:
        return [miss(record.wrong)]
    try:
        found = assess(record.value)
        return [found] if isinstance(found, Verdict) else list(found)
    except Exception as error:  # noqa: BLE001 - a runner's border: an exception in a record is a miss, and is shown
        return [miss(corpus_records.raised(error))]


def run(folder: Path, names: list[str], *, verbose: bool) -> Counter[tuple[str, str]]:
    """Count outcomes by set and outcome; disagreements are printed where asked for."""
    expands = Expands()
    counts: Counter[tuple[str, str]] = Counter()
    reasons: Counter[str] = Counter()
    for path in sorted(folder.glob("*.jsonl*")):
        name = path.name.partition(".")[0]
        if name not in SETS or (names and name not in names):
            continue
        for record in lines(path):
            questions: list[tuple[str, Judge]] = (
                [(f"{name} expands", expands)] if name != "arm_functions" else []
            )
            own = SETS[name]
            questions += [(name, own)] if own is not None else []
            for question, assess in questions:
                for verdict in judged(assess, record):
                    counts[question, verdict.outcome] += 1
                    if verdict.outcome == "excluded":
                        reasons[f"{question}: {verdict.message}"] += 1
                    if verbose and verdict.outcome == "miss":
                        print(
                            f"MISS  {question} {record.place} {record.value.get('id', '')}: {verdict.message}"
                        )
    print(expands)
    for reason, count in sorted(reasons.items()):
        print(f"excluded {count:>4}  {reason}")
    return counts


def main(words: list[str]) -> int:
    """Print the table and the sum; 0 where all match, 1 where not, 2 for a folder without sets."""
    parser = argparse.ArgumentParser(prog="template_cases.py")
    parser.add_argument("folder", type=Path)
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.add_argument("--set", dest="sets", action="append", default=[], choices=list(SETS))
    options = parser.parse_args(words)
    counts = run(options.folder, options.sets, verbose=options.verbose)
    if not counts:
        print(f"{options.folder} holds none of the sets {', '.join(SETS)}", file=sys.stderr)
        return 2
    print(f"\n{'set':<32}{'match':>8}{'miss':>8}{'excluded':>10}{'share':>9}")
    for question in sorted({question for question, _ in counts}):
        hit, missed, left = (counts[question, outcome] for outcome in ("match", "miss", "excluded"))
        share = f"{hit / (hit + missed):.2%}" if hit + missed else "-"
        print(f"{question:<32}{hit:>8}{missed:>8}{left:>10}{share:>9}")
    hits = sum(count for (_, outcome), count in counts.items() if outcome == "match")
    total = sum(count for (_, outcome), count in counts.items() if outcome != "excluded")
    print(f"{hits}/{total} match")
    return 0 if hits == total else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
