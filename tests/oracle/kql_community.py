"""Queries that people published: `python tests/oracle/kql_community.py FOLDER [--only TEXT] [--every K] [-v]`.

FOLDER holds community.jsonl (or .jsonl.gz), table_schemas.json and, beside it or in it, azure-sentinel/ (workspace functions). A query
that Microsoft's analyzer accepts must compile over the recorded tables and run on empty ones with the recorded columns and types, and
compile over the product's own tables, with the columns that only those have left out, where it needs no other table: those that others
need are counted. Queries with an error of syntax must end in a KqlError; those of Resource Graph must compile over the product's
tables; both have lines of their own. -v prints every miss. The last line is `N/M match`: the accepted queries.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from corpus_records import Record, lines
from kql_rule_files import Outcome, Rule
from kql_rules import shape
from kql_workers import outcomes

#: What becomes of a query: its group, and what is asked of it.
ACCEPTED, SYNTAX, MEANING, GRAPH = "accepted", "syntax", "meaning", "Resource Graph"
GROUPS = (ACCEPTED, SYNTAX, MEANING, GRAPH)


@dataclass(frozen=True)
class Published:
    """A published query and what Microsoft's analyzer says of it."""

    rule: Rule
    group: str


def published(folder: Path) -> list[Published]:
    """Read every line of community.jsonl; one that is no record is a query that nothing accepts."""
    (path,) = sorted(folder.glob("community.jsonl*"))[:1] or [folder / "community.jsonl"]
    return [_published(one) for one in lines(path)]


def _published(one: Record) -> Published:
    said = one.value.get("analyzer") or {}
    columns = said.get("columns")
    rule = Rule(
        str(one.value.get("id") or one.place),
        str(one.value.get("query") or f") {one.wrong}"),
        int(said.get("errors") or 0),
        None if columns is None else tuple((name, kind) for name, kind in columns),
    )
    if one.value.get("surface") == "graph":
        return Published(rule, GRAPH)
    if said.get("syntax"):
        return Published(rule, SYNTAX)
    return Published(rule, ACCEPTED if said.get("errors") == 0 and columns is not None else MEANING)


def assess(corpus: str) -> Callable[[Published], tuple[Outcome, str]]:
    """What a worker process runs: the outcome over the recorded tables, and what is wrong over the product's ('' = nothing)."""
    import kql_community_tables

    return kql_community_tables.assess(Path(corpus))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="queries whose id holds this text")
    parser.add_argument("--every", type=int, default=1, metavar="K", help="only every Kth query")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for one query")
    parser.add_argument("-v", "--verbose", action="store_true", help="print every miss")
    options = parser.parse_args()
    chosen = [one for one in published(options.folder) if options.only in one.rule.path][:: options.every]
    pairs = outcomes(chosen, assess, (str(options.folder),), options.workers, options.limit)
    found = {place: _outcome(one) for place, one in pairs}
    if len(found) != len(chosen) or not found:
        print(f"{len(found)} judged of {len(chosen)} queries", file=sys.stderr)
        return 2
    matched, total = show(
        [(chosen[place], *found[place]) for place in sorted(found)], verbose=options.verbose
    )
    print(f"{matched}/{total} match")
    return 0 if matched == total else 1


def _outcome(one: object) -> tuple[Outcome, str]:
    """What a worker found, or that it found nothing in time."""
    return one if isinstance(one, tuple) else (Outcome("timed out", str(one)), "")


def show(found: list[tuple[Published, Outcome, str]], *, verbose: bool) -> tuple[int, int]:
    """Print the sums of each group and the causes of misses; return the matched and the total of the accepted queries."""
    groups: defaultdict[str, list[tuple[Published, Outcome, str]]] = defaultdict(list)
    for one in found:
        groups[one[0].group].append(one)
    accepted = groups[ACCEPTED]
    recorded = sum(outcome.stage == "done" for _, outcome, _ in accepted)
    print(f"accepted by Microsoft's analyzer: {recorded}/{len(accepted)} run with its columns and types")
    own = [why for _, _, why in accepted if not why.startswith(OTHER)]
    print(f"    {sum(not why for why in own)}/{len(own)} with them over the product's tables")
    needed = Counter(
        name for _, _, why in accepted if why.startswith(OTHER) for name in why[len(OTHER) :].split()
    )
    print(f"    {len(accepted) - len(own)} need {len(needed)} other tables: {_listed(needed)}")
    for group, sentence in (
        (SYNTAX, "with errors of syntax: {} of {} refused"),
        (MEANING, "with errors of meaning (often of a table that the analyzer lacked): {} of {} refused"),
    ):
        refused = sum(outcome.stage == "compile" for _, outcome, _ in groups[group])
        print(sentence.format(refused, len(groups[group])))
    compiled = sum(not why for _, _, why in groups[GRAPH])
    print(f"of Resource Graph: {compiled} of {len(groups[GRAPH])} compile over the product's tables")
    _show_causes(groups, verbose=verbose)
    return sum(outcome.stage == "done" and _is_right(why) for _, outcome, why in accepted), len(accepted)


#: How the verdict over the product's tables begins where it has not all of those that the query needs.
OTHER = "needs "


def _is_right(why: str) -> bool:
    return not why or why.startswith(OTHER)


def _listed(needed: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in needed.most_common(40))


def _show_causes(groups: dict[str, list[tuple[Published, Outcome, str]]], *, verbose: bool) -> None:
    """Print the causes of misses, the commonest first, and with `verbose` each miss."""
    misses = [
        *((one, f"{outcome.stage}: {outcome.why}") for one, outcome, _ in groups[ACCEPTED] if outcome.stage != "done"),
        *((one, f"own tables: {why}") for one, _, why in groups[ACCEPTED] if not _is_right(why)),
        *((one, "accepted here alone") for one, outcome, _ in groups[SYNTAX] if outcome.stage != "compile"),
        *((one, f"graph: {why}") for one, _, why in groups[GRAPH] if why),
    ]  # fmt: skip
    for cause, count in Counter(shape(why) for _, why in misses).most_common(1000 if verbose else 25):
        print(f"  {count:>4} {cause}")
    for one, why in misses if verbose else ():
        print(f"--- miss {one.rule.path}\n  {why[:600]}")


if __name__ == "__main__":
    sys.exit(main())
