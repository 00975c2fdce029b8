"""Write a simulated tenant to a folder."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from tests.simulator.simulation import Settings, simulate, write_simulation


def main() -> None:
    """Read the options and write the files."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--learning", type=int, default=28, help="days before the first that is judged")
    parser.add_argument("--days", type=int, default=7, help="days that are judged")
    parser.add_argument("--rounds", type=int, default=2, help="how often each attack is run")
    parser.add_argument("--start", required=True, help="first day, as 2026-10-01")
    given = parser.parse_args()
    start = datetime.fromisoformat(given.start).replace(tzinfo=UTC)
    settings = Settings(given.seed, start, given.users, given.learning, given.days, given.rounds)
    simulation = simulate(settings)
    write_simulation(simulation, given.folder)
    for table, rows in simulation.tables.items():
        print(f"{table:34} {len(rows):9,}")
    print(f"{'attacked principals':34} {len(simulation.truths):9,}")


if __name__ == "__main__":
    main()
