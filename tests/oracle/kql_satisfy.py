"""Rows that satisfy Sentinel's rules: `python tests/oracle/kql_satisfy.py CORPUS [--every K] [--only TEXT] [--peer] [-v]`.

CORPUS is the folder of kql_rules.py. For each rule that Microsoft's analyzer accepts and nephoscope compiles, rows are derived from
its conditions (up to --attempts choices of its alternatives, the first that makes the rule return rows is kept), and near misses: the
same rows with one condition broken. The rule runs on the satisfying rows alone and on all of them together; DuckDB's rows must be the
witness's, strictly compared. --peer: duckdb-kql answers the same question, in a virtual environment that is made for it; where it
accepts the rule its rows are compared too, and every difference is shown with the witness's word. --keep FILE remembers what came
of each rule: run --part 1/6, --part 2/6 ... with one file, and a run over all prints the sums. The last line is `N/M match`: the
rule returns rows, and the witness (where it knows every node) has the same ones.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from kql_kept import Kept, of_part, part
from kql_rule_files import Rule, rules
from kql_rules import shape, witness_line
from kql_satisfy_rule import Satisfied


def assess(corpus: str, attempts: int, misses: int, peer: bool) -> Callable[[Rule], Satisfied]:
    """What a worker process runs."""
    import kql_satisfy_rule

    return kql_satisfy_rule.assess(Path(corpus), attempts, misses, peer)


def show(found: list[tuple[Rule, Satisfied]], options: argparse.Namespace) -> tuple[int, int]:
    """Print the sums and the causes; matched and total."""
    compiled = [pair for pair in found if pair[1].stage != "compile"]
    returning = [pair for pair in compiled if pair[1].rows > 0]
    print(f"compile {len(compiled)}/{len(found)}; the others are counted by kql_rules.py")
    print(f"return rows {len(returning)}/{len(compiled)} = {len(returning) / max(len(compiled), 1):.1%}")
    print(f"  in attempt {dict(sorted(Counter(one.attempt for _, one in returning).items()))}")
    silent = sum(one.quiet for _, one in compiled)
    print(f"near misses {sum(one.misses for _, one in compiled)}, of which alone return no row {silent}")
    print(witness_line([one.witness for _, one in compiled]))
    causes = Counter(shape(one.witness) for _, one in compiled if one.witness.startswith("unknown"))
    for cause, count in causes.most_common():
        print(f"  {count:>4} {cause}")
    show_peer([one for _, one in compiled])
    for rule, one in compiled:
        why = "" if one.rows > 0 else f"no rows: {'; '.join(one.failed[:4]) or one.why}"
        lines = [
            line
            for line in (why, one.witness if one.witness.startswith(("differs", "not run")) else "")
            if line
        ]
        if options.verbose and one.peer.startswith("differs"):
            lines.append(f"peer {one.peer} ({one.witness})")
        if lines and (options.verbose or one.witness.startswith(("differs", "not run"))):
            print(f"--- {rule.path}\n  " + "\n  ".join(line[:500] for line in lines))
    matched = sum(one.rows > 0 and not one.witness.startswith(("differs", "not run")) for _, one in compiled)
    return matched, len(compiled)


def show_peer(found: list[Satisfied]) -> None:
    """What duckdb-kql said."""
    asked = [one for one in found if one.peer]
    if not asked:
        return
    kinds = Counter(one.peer.partition(":")[0] for one in asked)
    accepted = kinds["equal"] + kinds["differs"]
    print(
        f"duckdb-kql: accepted {accepted} of {len(asked)}, equal {kinds['equal']}, differ {kinds['differs']}, "
        f"refused {kinds['refused']}, failed at run time {kinds['failed']}"
    )
    differing = [one for one in asked if one.peer.startswith("differs")]
    for cause, count in Counter(one.peer.split(": ")[1] for one in differing).most_common():
        print(f"  {count:>4} differ: {cause}")
    agreeing = sum(one.witness == "agrees" for one in differing)
    print(f"  of the {len(differing)} that differ the witness says the same as nephoscope on {agreeing}")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--only", default="", help="rules whose path holds this text")
    parser.add_argument("--every", type=int, default=1, metavar="K", help="only every Kth rule")
    parser.add_argument("--part", type=part, default=(1, 1), metavar="I/N", help="only a part of the rules")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="outcomes are kept here and not made again")
    parser.add_argument("--attempts", type=int, default=8, help="choices of alternatives that are tried")
    parser.add_argument("--misses", type=int, default=3, help="conditions that are broken, one a time")
    parser.add_argument("--peer", action="store_true", help="duckdb-kql answers too")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--limit", type=float, default=90.0, help="seconds for one rule")
    parser.add_argument("-v", "--verbose", action="store_true", help="print every miss")
    options = parser.parse_args()
    good = [rule for rule in rules(options.corpus) if rule.query and rule.errors == 0]
    chosen = [rule for rule in good if options.only in rule.path][:: options.every]
    chosen = of_part(chosen, options.part)
    if options.peer and not prepared_peer():
        return 2
    arguments = (str(options.corpus), options.attempts, options.misses, options.peer)
    kept = Kept(options.keep, Satisfied, repr(arguments))
    pairs = kept.outcomes(chosen, assess, arguments, options.workers, options.limit)
    found = [
        (chosen[place], one if isinstance(one, Satisfied) else Satisfied("run", why=str(one)))
        for place, one in pairs
    ]
    if len(found) != len(chosen) or not found:
        print(f"{len(found)} judged of {len(chosen)} rules", file=sys.stderr)
        return 2
    matched, total = show(found, options)
    print(f"{matched}/{total} match")
    return 0 if matched == total else 1


def prepared_peer() -> bool:
    from kql_peer import prepared

    if prepared():
        return True
    print("duckdb-kql cannot be installed here: run without --peer", file=sys.stderr)
    return False


if __name__ == "__main__":
    sys.exit(main())
