"""The simulator: it knows nothing of the product, repeats itself exactly, and every attack leaves rows and a truth."""

from __future__ import annotations

import ast
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner
from tests.simulator.attacks.stage import Truth
from tests.simulator.scoring import Detection, guess_at_random, guess_constantly, score
from tests.simulator.simulation import ATTACKS, Settings, Simulation, simulate, write_simulation

from nephoscope.cli.main import cli

HERE = Path(__file__).parent
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
SMALL = Settings(seed=5, start=TODAY - timedelta(days=9), users=40, learning=5, days=4, rounds=1)
HARD_CASES = {
    "new VPN",
    "shared egress, many mistype",
    "mobile roaming",
    "moved office",
    "new device",
    "travelling manager",
    "mass password reset",
}


@pytest.fixture(scope="module")
def small() -> Simulation:
    return simulate(SMALL)


def test_it_imports_nothing_of_the_product() -> None:
    modules = [path for path in HERE.rglob("*.py") if not path.name.startswith("test_")]
    assert len(modules) > 10
    for path in modules:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.split(".")[0] != "nephoscope", f"{path.name} imports {name}"
                assert not name.startswith("tests.") or name.startswith("tests.simulator"), path.name


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, small: Simulation) -> None:
    write_simulation(small, tmp_path / "one")
    write_simulation(simulate(SMALL), tmp_path / "two")
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert {"SigninLogs.jsonl", "truth.jsonl", "benign.jsonl", "indicators.csv", "leaked-sha1.txt"} <= set(
        files
    )
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_another_seed_gives_other_rows(small: Simulation) -> None:
    other = simulate(Settings(6, SMALL.start, SMALL.users, SMALL.learning, SMALL.days, SMALL.rounds))
    assert {one.id for one in small.organization.people}.isdisjoint(
        one.id for one in other.organization.people
    )


@pytest.mark.full
def test_an_attack_more_changes_nothing_of_the_life_around_it(small: Simulation) -> None:
    calm = simulate(Settings(SMALL.seed, SMALL.start, SMALL.users, SMALL.learning, SMALL.days, rounds=0))
    assert not calm.truths
    for table, rows in calm.tables.items():
        attacked = Counter(map(json.dumps, small.tables[table]))
        attacked.subtract(map(json.dumps, rows))
        assert min(attacked.values()) == 0, table


def test_every_attack_has_a_truth_and_rows(small: Simulation) -> None:
    assert len({one.attack for one in small.truths}) == len(ATTACKS) == 21
    rows = [row for table in small.tables.values() for row in table]
    for truth in small.truths:
        assert SMALL.judged_from <= truth.start <= truth.end, truth
        start, end = truth.start.isoformat()[:19], truth.end.isoformat()[:19]
        inside = [row for row in rows if start <= str(row["TimeGenerated"])[:19] <= end]
        assert any(truth.principal in json.dumps(row) or truth.name in json.dumps(row) for row in inside), (
            truth
        )


def test_every_attack_names_its_source() -> None:
    for attack in ATTACKS:
        assert any(word in (attack.__doc__ or "") for word in ("Microsoft", "ATT&CK")), attack.__name__


def test_hard_benign_cases_are_there(small: Simulation) -> None:
    assert {one.case for one in small.benign} >= HARD_CASES
    assert all(SMALL.learning <= one.first <= one.last < SMALL.learning + SMALL.days for one in small.benign)


def test_rows_have_the_columns_of_their_tables(small: Simulation) -> None:
    tables = Path(__file__).parents[2] / "src/nephoscope/content/tables"
    for table, rows in small.tables.items():
        columns = json.loads((tables / f"{table}.json").read_text(encoding="utf-8"))["columns"]
        assert {name for row in rows for name in row} <= set(columns), table


def test_rows_load_without_quarantine(tmp_path: Path, small: Simulation) -> None:
    write_simulation(small, tmp_path / "rows")
    for table, rows in small.tables.items():
        arguments = [
            "ingest",
            str(tmp_path / "rows" / f"{table}.jsonl"),
            "--table",
            table,
            "--output",
            "json",
        ]
        result = CliRunner().invoke(cli, ["--data", str(tmp_path / "data"), *arguments])
        assert result.exit_code == 0, result.output
        assert str(len(rows)) in result.output, (table, result.output)


def find_half(truths: list[Truth]) -> list[Detection]:
    """Find every second attacked principal, rightly, and raise as many false alarms: a mediocre detector."""
    rng = Random(1)
    right = [Detection(one.principal, one.expected[0], "medium", one.start, one.end) for one in truths[::2]]
    return right + [Detection(f"nobody {rng.random()}", "newCountry", "high", truths[0].start) for _ in right]


@pytest.mark.full
def test_guessers_lose_to_a_mediocre_detector(small: Simulation) -> None:
    principals = [one.id for one in small.organization.people]
    principals += [one.id for one in small.organization.workloads]
    mediocre = find_half(small.truths)
    user_days = SMALL.users * SMALL.days
    good = score(small.truths, mediocre, user_days)
    constant = score(
        small.truths, guess_constantly(small.truths, principals, SMALL.judged_from, SMALL.days), user_days
    )
    random = guess_at_random(small.truths, principals, SMALL.judged_from, SMALL.days, len(mediocre), 1)
    assert good.f1 > 2 * constant.f1
    assert good.f1 > 2 * score(small.truths, random, user_days).f1
    assert constant.false_rate("high") > 1000


def test_the_truth_itself_scores_full_marks(small: Simulation) -> None:
    perfect = [
        Detection(one.principal, name, "high", one.start, one.start)
        for one in small.truths
        for name in one.expected
    ]
    scores = score(small.truths, perfect, SMALL.users * SMALL.days)
    assert scores.precision == scores.recall == 1.0
    assert scores.false_rate() == 0
    assert {one.found / one.campaigns for one in scores.attacks.values()} == {1.0}


def test_what_is_late_or_about_somebody_else_is_false(small: Simulation) -> None:
    truth = small.truths[0]
    late = Detection(truth.principal, truth.expected[0], "high", SMALL.end + timedelta(days=2))
    other = Detection("somebody", truth.expected[0], "low", truth.start)
    scores = score(small.truths, [late, other], user_days=1000)
    assert scores.false == [late, other]
    assert (scores.false_rate(), scores.false_rate("high")) == (2.0, 1.0)
    assert scores.recall == scores.precision == 0
