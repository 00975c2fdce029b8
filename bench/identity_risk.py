"""Risk detections in a simulated tenant: precision and recall a type, false positives, time to detect, beside two guessers.

Usage: python bench/identity_risk.py --seed N [--users N] [--days N] [--learning N] [--rounds N] [--folder DIR] [--ablation]

The tenant of `tests/simulator` is loaded as an operator would: the learning days, `nephoscope behavior run`, threat intelligence, then
the judged days and `nephoscope detect --from --to`, which makes the risk detections; exported hashes are checked. What they say is
compared with the truth. A guesser calls every principal risky all the time, another guesses as often as the product detects. Anomalies
of behavior are dated when the command runs, so the time to detect is that of rules, by the windows they would have run at. With
`--ablation` each dimension of behavior is left out of the evidence in turn, and the detections are made and scored again. Exit 1
where the product does not have three times the F1 of both guessers, or raises more than 2 false positives a day and 1,000 users at
high, or more than 10 in all.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

from nephoscope.behavior.profile_dimensions import DIMENSIONS
from nephoscope.identity.alert_risk import read_alert_path
from nephoscope.identity.anomaly_risk import AnomalyReader, select_following_detections
from nephoscope.identity.behavior_risk import GROUPS, AnomalyEvidence
from nephoscope.identity.risk_mapping import load_mapping
from nephoscope.identity.risk_run import BEGIN, RiskRun
from nephoscope.lake.queries.time_span import RowSpan
from nephoscope.model.identity_risk import IdentityKind
from nephoscope.resource_graph import open_lake_with_estate
from nephoscope.state import State

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.simulator.records import TABLES  # noqa: E402
from tests.simulator.scoring import (  # noqa: E402
    Detection,
    Scores,
    guess_at_random,
    guess_constantly,
    score,
)
from tests.simulator.simulation import Settings, Simulation, simulate, write_simulation  # noqa: E402

MOST_AT_HIGH, MOST = 2.0, 10.0
TIMES_GUESSER = 3


def run(data: Path, *arguments: str, exits: tuple[int, ...] = (0,)) -> str:
    """Run a command of the product and give its output."""
    command = [sys.executable, "-m", "nephoscope", "--data", str(data), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in exits:
        raise SystemExit(
            f"{' '.join(arguments)}: exit {done.returncode}\n{done.stderr[-2000:]}{done.stdout[-2000:]}"
        )
    return done.stdout


def ingest(data: Path, simulation: Simulation, folder: Path, begins: datetime, ends: datetime) -> None:
    """Load the rows of a part of the time."""
    first, last = begins.isoformat()[:19], ends.isoformat()[:19]
    part = {
        table: [row for row in rows if first <= str(row["TimeGenerated"])[:19] < last]
        for table, rows in simulation.tables.items()
    }
    write_simulation(replace(simulation, tables={table: part.get(table, []) for table in TABLES}), folder)
    for table in TABLES:
        if part.get(table):
            run(data, "ingest", str(folder / f"{table}.jsonl"), "--table", table)


def detect(data: Path, simulation: Simulation, folder: Path) -> None:
    """Load the tenant and have the product judge it."""
    settings = simulation.settings
    ingest(data, simulation, folder / "learning", settings.start, settings.judged_from)
    run(data, "behavior", "run")
    run(data, "intel", "import", str(folder / "learning" / "indicators.csv"), "--format", "csv")
    ingest(data, simulation, folder / "judged", settings.judged_from, settings.end)
    begins, ends = (f"{moment:%Y-%m-%dT%H:%MZ}" for moment in (settings.judged_from, settings.end))
    run(data, "detect", "--from", begins, "--to", ends)
    run(data, "identity", "leaked", "import", str(folder / "judged" / "leaked-sha1.txt"))
    hashes = folder / "judged" / "exported-hashes.txt"
    run(data, "identity", "leaked", "check", "--hashes", str(hashes), exits=(0, 1))
    run(data, "identity", "risk", "run")


def read_detections(data: Path, simulation: Simulation) -> list[Detection]:
    """Read the risk detections of the judged days; when they were detected is in the tables of risk events."""
    detected: dict[str, str] = {}
    for table in ("AADUserRiskEvents", "AADServicePrincipalRiskEvents"):
        text = run(data, "query", f"{table} | summarize detected = min(DetectedDateTime) by Id", "-o", "csv")
        detected |= {row["Id"]: row["detected"] for row in csv.DictReader(io.StringIO(text))}
    ids = {person.upn: person.id for person in simulation.organization.people}
    found = []
    for one in json.loads(run(data, "identity", "risk", "detections", "-o", "json")):
        name = one["identity"].partition(":")[2]
        activity = datetime.fromisoformat(one["time"])
        if activity >= simulation.settings.judged_from:
            when = detected.get(one["id"])
            moment = datetime.fromisoformat(when).astimezone(UTC) if when else None
            if moment and moment > simulation.settings.end:
                moment = None
            found.append(Detection(ids.get(name, name), one["type"], one["level"], activity, moment))
    return found


def print_scores(scores: Scores) -> None:
    """Print precision and recall a type, and what was found of each attack."""
    print(
        f"{'riskEventType':34} {'raised':>6} {'right':>6} {'other':>6} {'false':>6} {'precision':>9}   recall"
    )
    for name, one in sorted(scores.types.items()):
        recall = f"{one.found}/{one.expected} = {one.recall:.0%}" if one.expected else "not expected"
        precision = f"{one.precision:.0%}" if one.raised else "-"
        print(
            f"{name:34} {one.raised:6} {one.right:6} {one.other_attack:6} {one.false:6} {precision:>9}   {recall}"
        )
    print(f"\n{'attack':34} {'victims':>7} {'found':>6} {'medium+':>8}   median time to detect")
    for name, attack in sorted(scores.attacks.items()):
        delay = (
            "-"
            if attack.delay is None
            else str(attack.delay - timedelta(microseconds=attack.delay.microseconds))
        )
        print(f"{name:34} {attack.campaigns:7} {attack.found:6} {attack.found_at_medium:8}   {delay}")


def print_false(scores: Scores, simulation: Simulation) -> None:
    """Print what the false positives are, and which benign case stands behind them."""
    cases = Counter()
    for one in scores.false:
        day = (one.activity - simulation.settings.start).days
        matching = {
            case.case
            for case in simulation.benign
            if case.principal == one.principal and case.first <= day <= case.last
        }
        for case in matching - {"mass password reset"} or matching or {"ordinary life"}:
            cases[case, one.type, one.level] += 1
    print("\nfalse positives by benign case")
    for (case, kind, level), count in cases.most_common():
        print(f"  {count:4}  {case}: {kind}, {level}")


def print_totals(named: Iterable[tuple[str, Scores]]) -> None:
    """Print the product and the guessers side by side."""
    print(f"\n{'':18} {'precision':>9} {'recall':>7} {'F1':>6} {'false/1,000 users/day':>22} {'at high':>8}")
    for name, one in named:
        print(
            f"{name:18} {one.precision:9.1%} {one.recall:7.1%} {one.f1:6.3f} "
            f"{one.false_rate():22.1f} {one.false_rate('high'):8.1f}"
        )


def leave_out(dimension: str) -> Callable[..., AnomalyEvidence]:
    """Give a reader of evidence that does not see a dimension: neither its part nor that it is new or uncommon."""
    read = AnomalyEvidence.read
    hidden = DIMENSIONS[dimension]
    flags = {
        hidden.first,
        hidden.uncommon,
        hidden.among_peers,
        hidden.first_in_tenant,
        hidden.uncommon_in_tenant,
    }

    def reading(*given: Mapping[str, object]) -> AnomalyEvidence:
        found = read(*given)
        parts = tuple(one for one in found.parts if one[0] != dimension)
        return replace(found, parts=parts, flags=found.flags - flags)

    return reading


def print_ablation(data: Path, simulation: Simulation, user_days: float) -> None:
    """Print the scores with each dimension of behavior left out of the evidence."""
    ids = {person.upn: person.id for person in simulation.organization.people}
    now = datetime.now(UTC)
    print(f"\n{'without':18} {'raised':>7} {'precision':>9} {'recall':>7} {'false/1,000 users/day':>22}")
    with State.open_folder(data) as state, open_lake_with_estate(data, state) as lake:
        run = RiskRun(lake, state, "default")
        mapping, since = load_mapping(), now - BEGIN
        alerted = [
            one
            for kind in IdentityKind
            for one in state.identity_risks.list_detections("default", kind)
            if read_alert_path(one)
        ]
        alerted += run._detect_from_indicators(mapping, alerted, since, now)  # noqa: SLF001 - a measurement of its parts
        span = RowSpan(now - BEGIN, now + timedelta(days=1))
        for dimension in ("", *GROUPS):
            with mock.patch.object(
                AnomalyEvidence, "read", leave_out(dimension) if dimension else AnomalyEvidence.read
            ):
                several = AnomalyReader(lake, "default", mapping.behavior).read(span, now)
            found = [
                Detection(ids.get(one.identity, one.identity), one.event_type, one.level.value, one.happened)
                for one in (*alerted, *select_following_detections(several, alerted))
                if one.happened >= simulation.settings.judged_from
            ]
            one = score(simulation.truths, found, user_days)
            name = dimension or "nothing"
            print(f"{name:18} {len(found):7} {one.precision:9.1%} {one.recall:7.1%} {one.false_rate():22.1f}")


def assess(data: Path, simulation: Simulation, seed: int) -> bool:
    """Print all figures; tell whether the targets are met."""
    settings, truths = simulation.settings, simulation.truths
    user_days = settings.users * settings.days
    detections = read_detections(data, simulation)
    principals = [one.id for one in simulation.organization.people + simulation.organization.workloads]
    scores = score(truths, detections, user_days)
    print_scores(scores)
    early = sum(one.detected is not None and one.detected < one.activity for one in detections)
    print(f"\ndated as detected before the activity: {early} of {len(detections)} detections")
    print_false(scores, simulation)
    constant = score(
        truths, guess_constantly(truths, principals, settings.judged_from, settings.days), user_days
    )
    guesses = guess_at_random(truths, principals, settings.judged_from, settings.days, len(detections), seed)
    random = score(truths, guesses, user_days)
    print_totals((("nephoscope", scores), ("constant guesser", constant), ("random guesser", random)))
    better = scores.f1 >= TIMES_GUESSER * max(constant.f1, random.f1)
    return better and scores.false_rate("high") <= MOST_AT_HIGH and scores.false_rate() <= MOST


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--learning", type=int, default=28)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="keep the files and the data folder here")
    parser.add_argument("--ablation", action="store_true", help="score without each dimension of behavior")
    given = parser.parse_args()
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    start = today - timedelta(days=given.learning + given.days)
    simulation = simulate(Settings(given.seed, start, given.users, given.learning, given.days, given.rounds))
    rows = sum(map(len, simulation.tables.values()))
    print(
        f"seed {given.seed}, {given.users} users, {given.learning} + {given.days} days, {rows:,} rows\n",
        flush=True,
    )
    with tempfile.TemporaryDirectory() as folder:
        place = given.folder or Path(folder)
        data = place / "data"
        if not data.exists():
            detect(data, simulation, place)
        good = assess(data, simulation, given.seed)
        if given.ablation:
            print_ablation(data, simulation, given.users * given.days)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"\nCPU of the product: {used.ru_utime + used.ru_stime:.0f} s")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
