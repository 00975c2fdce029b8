"""Sentinel's rules on Spark: `python tests/oracle/kql_spark.py CORPUS [--every K] [--rules N] [--part P] [--local] [--only T] [-v]`.

CORPUS is the folder of kql_rules.py. Every rule that has columns in rule_result_types.jsonl is compiled for Spark and explained in a
local session over empty tables. Then N rules, spread over all, run on rows (made to satisfy them, near misses, and plain ones) on a
standalone cluster of one master and two workers, which is started on loopback for this (--local: in a local session): Spark's columns,
types and rows must be DuckDB's, strictly compared; where only the order of arrays differs that are collected from rows
without an order, that is counted and said. -v prints every miss. The last line is `N/M match`: explained of the rules with columns,
and equal of those run.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kql_engine
import kql_rule_engine
from kql_compare import Result
from kql_rule_files import Rule, rules
from kql_rules import shape
from kql_spark_rows import Made, difference
from kql_workers import outcomes
from spark_cluster import SETTINGS, cluster

import nephoscope_kql as kql
from nephoscope_kql.engines.spark import SparkEngine
from nephoscope_kql.errors import KqlError

if TYPE_CHECKING:
    from collections.abc import Callable

    from nephoscope_kql.catalog import MemoryCatalog

LIMIT = 120.0
"""Seconds for one query on Spark."""


def assess(corpus: str, misses: int, plain: int) -> Callable[[Rule], Made]:
    """What a worker process runs."""
    import kql_spark_rows

    return kql_spark_rows.assess(Path(corpus), misses, plain)


def compiled(rule: Rule, known: MemoryCatalog) -> tuple[Any, kql_rule_engine.Asked]:
    """A rule for Spark, and the tables that it asks for."""
    asked = kql_rule_engine.Asked(known)
    return kql.compile(rule.query, asked, dialect="spark", now=kql_engine.NOW), asked


def explain(chosen: list[Rule], known: MemoryCatalog) -> list[str]:
    """Why each rule has no plan; '' where it has one."""
    found = []
    registered: set[str] = set()
    with SparkEngine("local[1]", settings=SETTINGS, external=kql_rule_engine.NoFiles()) as engine:
        for rule in chosen:
            try:
                query, asked = compiled(rule, known)
                for name in asked.tables.keys() - registered:
                    engine.register(name, kql_engine.arrow(Result(asked.tables[name].columns, ())))
                registered |= asked.tables.keys()
                engine.explain(query)
                found.append("")
            except KqlError as error:
                found.append(f"compile: {error}")
            except Exception as error:  # noqa: BLE001 - a runner's border: a refusal is a miss, and is shown
                found.append(f"{type(error).__name__}: {str(error)[:1500]}")
    return found


def run(engine: SparkEngine, rule: Rule, made: Made, known: MemoryCatalog) -> tuple[str, bool]:
    """Why a rule's rows on Spark are not DuckDB's; see difference()."""
    if made.wanted is None:
        return made.why, False
    try:
        query, _ = compiled(rule, known)
        for name, table in made.tables.items():
            engine.register(name, kql_engine.arrow(table))
        got = kql_engine.read(engine.run(query, timeout=LIMIT))
    except Exception as error:  # noqa: BLE001 - a runner's border: a failure is a miss, and is shown
        return f"{type(error).__name__}: {str(error)[:1500]}", False
    return difference(got, made.wanted, rule.query)


def run_all(chosen: list[Rule], known: MemoryCatalog, options: argparse.Namespace) -> tuple[int, int]:
    """Run rules on rows; equal and all."""
    whys: list[tuple[Rule, str]] = []
    loose = returning = 0
    arguments = (str(options.corpus), options.misses, options.plain)
    place = nullcontext("local[2]") if options.local else cluster()
    with place as url, SparkEngine(url, settings=SETTINGS, external=kql_rule_engine.NoFiles()) as engine:
        for at, made in outcomes(chosen, assess, arguments, 2, 60.0):
            rows = made if isinstance(made, Made) else Made(why=str(made))
            why, only_order = run(engine, chosen[at], rows, known)
            if options.verbose:
                print(f"{len(whys) + 1} {'equal' if not why else 'miss'} {chosen[at].path}", flush=True)
            whys.append((chosen[at], why))
            loose += only_order
            returning += bool(rows.wanted and rows.wanted.rows)
    equal = sum(not why for _, why in whys)
    print(
        f"on {'a local session' if options.local else 'a cluster of a master and two workers'}: {equal}/{len(whys)} rules have "
        f"DuckDB's columns, types and rows; {returning} return rows; {loose} differ in the order inside arrays alone"
    )
    show([(rule, why) for rule, why in whys if why], options.verbose)
    return equal, len(whys)


def show(misses: list[tuple[Rule, str]], verbose: bool) -> None:
    """Print the causes."""
    for cause, count in Counter(shape(why.split("\n")[0]) for _, why in misses).most_common(20):
        print(f"  {count:>4} {cause}")
    for rule, why in misses if verbose else []:
        print(f"--- miss {rule.path}\n  {why[:1500]}")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--every", type=int, default=1, metavar="K", help="explain only every Kth rule")
    parser.add_argument("--rules", type=int, default=330, metavar="N", help="how many run on rows")
    parser.add_argument("--misses", type=int, default=2, help="near misses a rule")
    parser.add_argument("--plain", type=int, default=10, help="further rows a table")
    parser.add_argument("--part", choices=["plans", "rows"], help="only explain, or only run on rows")
    parser.add_argument("--only", default="", help="rules whose path holds this text")
    parser.add_argument("--local", action="store_true", help="no cluster: all in a local session")
    parser.add_argument("-v", "--verbose", action="store_true", help="print every miss")
    options = parser.parse_args()
    every = [rule for rule in rules(options.corpus) if rule.errors == 0 and rule.columns and rule.query]
    chosen = [rule for rule in every if options.only in rule.path][:: options.every]
    if not chosen:
        print(f"no rule in {options.corpus}", file=sys.stderr)
        return 2
    known = kql_rule_engine.catalog(options.corpus)
    whys = [] if options.part == "rows" else explained(chosen, known, options)
    good = [rule for rule, why in zip(chosen, whys or [""] * len(chosen), strict=True) if not why]
    step = max(1, len(good) // max(options.rules, 1))
    picked = [] if options.part == "plans" else good[::step][: options.rules]
    equal, ran = run_all(picked, known, options) if picked else (0, 0)
    print(f"{whys.count('') + equal}/{len(whys) + ran} match")
    return 0 if not any(whys) and equal == ran else 1


def explained(chosen: list[Rule], known: MemoryCatalog, options: argparse.Namespace) -> list[str]:
    """Explain rules and print the sum; why each has no plan."""
    begun = time.monotonic()
    whys = explain(chosen, known)
    found = whys.count("")
    print(f"explained {found}/{len(chosen)} = {found / len(chosen):.1%} in {time.monotonic() - begun:.0f} s")
    show([(rule, why) for rule, why in zip(chosen, whys, strict=True) if why], options.verbose)
    return whys


if __name__ == "__main__":
    sys.exit(main())
