"""Sentinel's rules and hunting queries: `python tests/oracle/kql_rules.py CORPUS [--engine E] [--hostile N] [--only TEXT] [-v]`.

CORPUS holds azure-sentinel/ (the files) and kql/ (rule_result_types.jsonl: what Microsoft's analyzer says; table_schemas.json).
A rule whose record has no errors must compile, run on empty tables, and have the recorded columns and types (recorded `unknown` types
are counted apart and match any). A record with errors must end in a KqlError. Rules that call workspace functions which the recording
lacked (kql_recording.py says how that is told) are judged without these as well: by an error, or by the columns that do not come from
them. --hostile N runs each rule also on N seeded hostile rows a table: no value may raise, and where the witness knows every node the
rows must be the same. --keep FILE remembers what came of each rule, so that a long run can be done in parts. -v prints every miss. The
last line is `N/M match`: compiles, runs, same columns and types.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

from kql_kept import Kept, of_part, part
from kql_rule_files import Outcome, Rule, rules


def assess(corpus: str, engine: str, hostile: int, lacking: frozenset[str]) -> Callable[[Rule], Outcome]:
    """What a worker process runs."""
    import kql_rule_engine

    return kql_rule_engine.assess(Path(corpus), engine, hostile, lacking)


def lacking_of(corpus: Path, every: list[Rule]) -> frozenset[str]:
    """The workspace functions that the recording did not have."""
    import kql_recording
    import kql_rule_engine

    return kql_recording.lacking(every, kql_rule_engine.catalog(corpus))


@cache
def shape(message: str) -> str:
    """A message without its place and its names, so that like ones are counted together."""
    message = re.sub(r"^line \d+, column \d+: ", "", message)
    return re.sub(r"\s+", " ", re.sub(r"\d+", "#", message))[:110]


def show(chosen: list[Rule], found: dict[int, Outcome | str], options: argparse.Namespace) -> tuple[int, int]:
    """Print the sums and the causes; matched and total of the rules that Microsoft's analyzer accepts."""
    outcomes_ = {
        place: one if isinstance(one, Outcome) else Outcome("timed out", one) for place, one in found.items()
    }
    good = [place for place in outcomes_ if chosen[place].errors == 0 and chosen[place].query]
    stages = Counter(outcomes_[place].stage for place in good)
    ran = stages["columns"] + stages["done"]
    print(f"compile {ran + stages['run']}/{len(good)}, run on empty tables {ran}/{len(good)}")
    equal = sum(not outcomes_[place].why for place in good if outcomes_[place].columns)
    print(f"columns and types {equal}/{len(good)}, both {stages['done']}/{len(good)}")
    without = [place for place in good if outcomes_[place].lacked]
    same = sum(outcomes_[place].stage == "done" for place in without)
    print(f"    {same}/{len(without)} of them call what the recording lacked: compared without its columns")
    print(
        f"recorded types unknown: {sum(outcomes_[place].unknown for place in good)} columns (they match any type)"
    )
    bad = [place for place in outcomes_ if chosen[place].errors and chosen[place].query]
    refused = sum(outcomes_[place].stage == "compile" for place in bad)
    lacked = sum(outcomes_[place].lacked and outcomes_[place].stage == "compile" for place in bad)
    print(f"refused by Microsoft's analyzer too: {refused}/{len(bad)} end in a KqlError")
    if lacked:
        print(f"    {lacked} of them for what the recording lacked: without it they are errors here too")
    accepted = [place for place in bad if outcomes_[place].stage != "compile"]
    for place in accepted if options.verbose else ():
        print(f"--- accepted here alone {chosen[place].path}\n  {outcomes_[place].why}")
    missing = sum(not rule.query for rule in chosen)
    print(f"records without a file or a query: {missing}")
    causes = Counter(
        f"{outcomes_[p].stage}: {shape(outcomes_[p].why)}" for p in good if outcomes_[p].stage != "done"
    )
    for cause, count in causes.most_common(1000 if options.verbose else 25):
        print(f"  {count:>4} {cause}")
    if options.hostile:
        show_hostile([outcomes_[place] for place in good])
    if options.verbose:
        for place in good:
            one = outcomes_[place]
            if one.stage != "done" or one.hostile or one.witness.startswith(("differs", "open")):
                print(
                    f"--- miss {chosen[place].path}\n  {one.stage}: {one.why[:600]} {one.hostile[:300]} {one.witness[:600]}"
                )
    return stages["done"], len(good)


def show_hostile(found: list[Outcome]) -> None:
    """The sums of the hostile rows."""
    ran = [one for one in found if one.stage in ("columns", "done")]
    print(
        f"hostile rows: {sum(not one.hostile for one in ran)}/{len(ran)} run, {sum(one.rows > 0 for one in ran)} return rows"
    )
    for cause, count in Counter(shape(one.hostile) for one in ran if one.hostile).most_common(15):
        print(f"  {count:>4} {cause}")
    nodes = Counter(one.witness for one in ran if one.witness.startswith("unknown"))
    print(witness_line([one.witness for one in ran if one.witness]))
    for cause, count in nodes.most_common():
        print(f"  {count:>4} {cause}")


def witness_line(said: list[str]) -> str:
    """How often the witness agrees."""
    kinds = Counter(one.partition(":")[0] for one in said)
    return (
        f"witness: {kinds['agrees']} agree, {kinds['differs']} differ, {kinds['open']} where the language leaves the rows open, "
        f"{kinds['unknown']} use what it does not know, {kinds['not run']} did not run"
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--engine", choices=["nephoscope", "empty", "error"], default="nephoscope")
    parser.add_argument("--hostile", type=int, default=0, metavar="N", help="also N hostile rows a table")
    parser.add_argument("--only", default="", help="rules whose path holds this text")
    parser.add_argument("--every", type=int, default=1, metavar="K", help="only every Kth rule")
    parser.add_argument("--part", type=part, default=(1, 1), metavar="I/N", help="only a part of the rules")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="outcomes are kept here and not made again")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for one rule")
    parser.add_argument("-v", "--verbose", action="store_true", help="print every miss")
    options = parser.parse_args()
    every = rules(options.corpus)
    chosen = of_part([rule for rule in every if options.only in rule.path][:: options.every], options.part)
    lacking = lacking_of(options.corpus, every) if options.engine == "nephoscope" else frozenset()
    print(f"functions that the recording lacked: {', '.join(sorted(lacking)) or 'none'}")
    places = [place for place, rule in enumerate(chosen) if rule.query]
    arguments = (str(options.corpus), options.engine, options.hostile, lacking)
    kept = Kept(options.keep, Outcome, repr((*arguments[:3], sorted(lacking))))
    pairs = kept.outcomes(
        [chosen[place] for place in places], assess, arguments, options.workers, options.limit
    )
    found = {places[at]: outcome for at, outcome in pairs}
    if len(found) + sum(not rule.query for rule in chosen) != len(chosen) or not found:
        print(f"{len(found)} judged of {len(chosen)} records", file=sys.stderr)
        return 2
    matched, total = show(chosen, found, options)
    print(f"{matched}/{total} match")
    return 0 if matched == total else 1


if __name__ == "__main__":
    sys.exit(main())
