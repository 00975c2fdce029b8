"""One rule in a worker process: rows that satisfy it and near misses, run by DuckDB, by the witness, by duckdb-kql."""

from __future__ import annotations

import random
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import kql_engine
import kql_rule_engine
import kql_satisfy_relations  # noqa: F401 - the rows of relations register themselves
from kql_satisfy_maker import Conjunct, GivenUpError, Maker
from kql_satisfy_rows import tables_of

import nephoscope_kql as kql
from nephoscope_kql.compile import bind_query
from nephoscope_kql.errors import KqlError
from nephoscope_kql.parser import parse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kql_compare import Result
    from kql_peer import Peer
    from kql_rule_files import Rule

    from nephoscope_kql.plan.values import Relation

SECONDS = 3.0
"""How long one attempt may take."""
APART = 100_000
"""Numbers between the cells of one maker and the next, so that their plain values differ."""


@dataclass
class Satisfied:
    """What came of a rule. `rows` are those of the satisfying rows alone, `quiet` the near misses that alone return nothing."""

    stage: str
    why: str = ""
    attempt: int = 0
    rows: int = 0
    misses: int = 0
    quiet: int = 0
    witness: str = ""
    peer: str = ""
    failed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Case:
    """A rule that compiles: what is run, what the makers walk, the tables it reads."""

    rule: Rule
    compiled: kql.CompiledQuery
    relation: Relation
    asked: kql_rule_engine.Asked


def assess(corpus: Path, attempts: int, misses: int, peer: bool) -> Callable[[Rule], Satisfied]:
    """What a worker does with a rule."""
    sys.setrecursionlimit(20_000)
    known = kql_rule_engine.catalog(corpus)
    other = started_peer() if peer else None

    def run(rule: Rule) -> Satisfied:
        asked = kql_rule_engine.Asked(known)
        try:
            compiled = kql.compile(rule.query, asked, now=kql_engine.NOW)
        except KqlError as error:
            return Satisfied("compile", str(error))
        case = Case(rule, compiled, bind_query(parse(rule.query), known).relation, asked)
        try:
            return of_rule(case, attempts, misses, other)
        except Exception as error:  # noqa: BLE001 - a runner's border: a maker's own failure is a miss, and is shown
            return Satisfied("run", f"the maker fails: {type(error).__name__}: {error}")

    return run


def started_peer() -> Peer:
    from kql_peer import Peer

    return Peer()


def of_rule(case: Case, attempts: int, misses: int, peer: Peer | None) -> Satisfied:
    """The best attempt, its near misses, and what everyone says of them."""
    outcome, maker = Satisfied("run"), Maker(0)
    for seed in range(attempts):
        made = attempt(case, seed)
        rows, why = run(case, tables_of([made], case.asked.tables))
        if seed == 0 or rows > 0:
            maker = made
            outcome = Satisfied("done", why, seed, max(rows, 0), failed=list(made.failed))
        if rows > 0 or why:
            break
    near = near_misses(case, maker, outcome.attempt, misses)
    outcome.misses = len(near)
    outcome.quiet = sum(run(case, tables_of([one], case.asked.tables))[0] == 0 for one in near)
    compared(case, tables_of([maker, *near], case.asked.tables), outcome, peer)
    return outcome


def attempt(case: Case, seed: int, broken: Conjunct | None = None, first: int = 0) -> Maker:
    """One maker's rows; where none are found the rows made so far stay."""
    maker = Maker(seed, broken, first, time.monotonic() + SECONDS)
    try:
        maker.row(case.relation)
    except GivenUpError as error:
        maker.failed.append(f"given up: {error}")
    return maker


def near_misses(case: Case, maker: Maker, seed: int, count: int) -> list[Maker]:
    """Makers with one condition broken, a seeded choice of the conditions."""
    dice = random.Random(case.rule.path)
    chosen = dice.sample(sorted(maker.conjuncts), min(count, len(maker.conjuncts)))
    return [attempt(case, seed, broken, APART * place) for place, broken in enumerate(chosen, 1)]


def run(case: Case, tables: dict[str, Result]) -> tuple[int, str]:
    """How many rows DuckDB gives (-1: none, for an error)."""
    found, why = kql_rule_engine.failure(case.compiled, tables)
    return (-1, why) if found is None else (found.num_rows, "")


def compared(case: Case, tables: dict[str, Result], outcome: Satisfied, peer: Peer | None) -> None:
    """The witness and the peer on all rows."""
    found, why = kql_rule_engine.failure(case.compiled, tables)
    if found is None:
        outcome.why, outcome.witness = why, f"not run: {why}"
        return
    outcome.witness = kql_rule_engine.against_the_witness(case.rule, case.asked, tables, found)
    if peer is not None:
        outcome.peer = asked_of(peer, case, tables, kql_engine.read(found))


def asked_of(peer: Peer, case: Case, tables: dict[str, Result], ours: Result) -> str:
    """'equal', 'differs: why', 'refused: why' or 'failed: why'."""
    from kql_peer import difference

    answer = peer.ask(case.rule.query, tables, kql_engine.NOW.isoformat())
    for kind in ("refused", "failed"):
        if kind in answer:
            return f"{kind}: {answer[kind]}"
    wrong = difference(answer, ours, case.rule.query)
    return f"differs: {wrong}" if wrong else "equal"
