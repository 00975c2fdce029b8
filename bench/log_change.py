"""A hundredth more rows of a log: what the evaluation that follows costs beside a whole one.

Usage: python bench/log_change.py [--shared DIR] [--cache DIR] [--size N] [--rows N]

An estate is grown from the recorded bodies, with services of API management and their operations, whose gateway logs of 30 days lie
in a lake, a file a day. All built-in policies and all analyzers judge it; then a hundredth of the rows comes in, and the run that
follows is timed beside a whole one of the same moment, whose assessments must be equal. So is one an hour later, when a row has come
in that changes a verdict. Exit 1 where they differ, or where one of the two costs more than 5 % of a whole.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

BENCH = Path(__file__).resolve().parent
sys.path.insert(0, str(BENCH))

from nephoscope.analyze.api_usage import LOGS  # noqa: E402
from nephoscope.collect import resources  # noqa: E402
from nephoscope.estate.estate import Estate  # noqa: E402
from nephoscope.lake.lake import Lake  # noqa: E402
from nephoscope.lake.schema.row_conversion import to_arrow_rows  # noqa: E402
from nephoscope.posture.evaluation import analyzer_results  # noqa: E402
from nephoscope.posture.evaluation.evaluation_run import evaluate_estate  # noqa: E402
from nephoscope.posture.evaluation.finished_run import EvaluationRun  # noqa: E402
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan  # noqa: E402
from nephoscope.posture.scans.point_in_time_logs import open_frozen_logs  # noqa: E402
from nephoscope.state import State  # noqa: E402
from nephoscope_policy.model.coverage import Coverage  # noqa: E402
from nephoscope_policy.model.resource import Resource  # noqa: E402
from speed import content, growth, templates  # noqa: E402
from speed.clock import Span, span  # noqa: E402

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "nephoscope-bench"
NOW = datetime(2026, 11, 24, tzinfo=UTC)
SHARE = 0.05
SERVICES, OPERATIONS, DAYS = 5, 200, 31
BATCH = 50_000


@dataclass(slots=True)
class Judged:
    """A data folder whose estate is judged beside its logs."""

    data: Path
    state: State
    estate: Estate
    plan: EvaluationPlan

    def run(self, since: EvaluationRun | None = None, moment: datetime = NOW) -> tuple[EvaluationRun, Span]:
        """Judge everything at a moment, or what changed since a run; the time that it took."""

        def analyzers(
            estate: Estate, now: datetime, before: analyzer_results.PreviousEvaluation | None = None, /
        ) -> analyzer_results.Analysis:
            with open_frozen_logs(self.data, self.state, estate, now) as logs:
                return analyzer_results.run_all_analyzers(estate, now, before, logs)

        with span() as took:
            found = evaluate_estate(self.estate, self.plan, moment, analyzers=analyzers, since=since)
        return found, took


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--shared", type=Path, default=os.environ.get("NEPHOSCOPE_SHARED", BENCH.parents[1] / "shared")
    )
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--size", type=int, default=20_000, help="resources")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the gateway logs")
    return parser.parse_args()


def operations(subscription: str) -> Iterator[Resource]:
    """Services of API management with their operations."""
    for service in range(SERVICES):
        root = f"/subscriptions/{subscription}/resourceGroups/rg/providers/Microsoft.ApiManagement/service/apim{service}"
        for number in range(OPERATIONS):
            yield Resource.of(
                {
                    "id": f"{root}/apis/orders/operations/op{number}",
                    "name": f"op{number}",
                    "type": "Microsoft.ApiManagement/service/apis/operations",
                    "properties": {},
                }
            )


def write(
    lake: Lake,
    state: State,
    subscription: str,
    count: int,
    sequence: int,
    newest: datetime,
    operation: str = "",
) -> None:
    """Write rows of the gateway logs: of all services, an operation or half of them, over the days up to `newest` (one row: then)."""
    place, chance = state.workspaces.get("default"), random.Random(sequence)
    parts: list[pa.Table] = []
    for start in range(0, count, BATCH):
        rows = [
            {
                "TimeGenerated": newest
                - timedelta(seconds=chance.random() * DAYS * 86_400 * (not operation)),
                "_ResourceId": f"/subscriptions/{subscription}/resourcegroups/rg/providers/microsoft.apimanagement/service/"
                f"apim{chance.randrange(SERVICES)}",
                "_SubscriptionId": subscription,
                "ApiId": f"orders;rev={chance.randrange(3)}",
                "OperationId": operation or f"op{chance.randrange(OPERATIONS // 2)}",
                "ResponseCode": 200,
            }
            for _ in range(start, min(start + BATCH, count))
        ]
        parts.append(to_arrow_rows(lake.tables[LOGS], rows, workspace=place, now=NOW).table)
    lake.writer().append("default", {LOGS: pa.concat_tables(parts)}, producer="bench", sequence=sequence)
    lake.flush()


def main() -> int:
    """Print the figures; 1 where the target is missed or the assessments differ."""
    given = arguments()
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory(prefix="nephoscope-bench-") as own:
        folder = Path(own)
        file = folder / "estate.jsonl"
        catalog = content.catalog(given.shared, given.cache)
        counts, looked_up = content.by_type(catalog)
        bodies = templates.recorded(given.shared)
        kinds = templates.chosen_types(bodies, counts, looked_up)
        growth.write(templates.templates(bodies, kinds), given.size, file)
        grown = resources.load([file])
        subscription = min(grown.subscriptions).rsplit("/", 1)[-1]
        estate = Estate.of(
            [*grown.resources.values(), *operations(subscription)], Coverage.cover_everything()
        )
        with State.open_folder(folder / "data") as state, Lake.open(folder / "data", state) as lake:
            with state.as_product("the set-up of a bench"):
                state.workspaces.set("default", days=3650)
            write(lake, state, subscription, given.rows, 1, NOW - timedelta(hours=1))
            while lake.compact(1):  # each day becomes a file
                pass
            judged = Judged(folder / "data", state, estate, content.plan(catalog))
            judged.run()  # what is compiled once is not counted
            first, whole = judged.run()
            _, same = judged.run(first)
            write(lake, state, subscription, given.rows // 100, 2, NOW - timedelta(minutes=1))
            following, changed = judged.run(first)
            again, _ = judged.run()
            later, first_call = NOW + timedelta(hours=1), f"op{OPERATIONS - 1}"
            write(lake, state, subscription, 1, 3, later - timedelta(minutes=1), first_call)
            followed, moved = judged.run(following, later)
            whole_later, whole_later_took = judged.run(moment=later)
    equal = all(
        list(one.assessments) == list(other.assessments)
        for one, other in ((following, again), (followed, whole_later))
    )
    share, share_later = changed.cpu / whole.cpu, moved.cpu / whole_later_took.cpu
    print(f"  {len(estate.resources):,} resources, {given.rows:,} rows: a whole run {whole.cpu:.2f} s CPU")
    print(
        f"  nothing changed {same.cpu:.2f} s; 1 % more rows {changed.cpu:.2f} s: {share:.1%} of a whole run (<= {SHARE:.0%})"
    )
    print(
        f"  an hour later, with a row that changes an answer: {moved.cpu:.2f} s, {share_later:.1%} of a whole run of then, "
        f"{whole_later_took.cpu:.2f} s (<= {SHARE:.0%})"
    )
    print(f"  assessments of the following runs {'equal' if equal else 'DIFFER FROM'} those of whole ones")
    return 0 if equal and max(share, share_later) <= SHARE else 1


if __name__ == "__main__":
    raise SystemExit(main())
